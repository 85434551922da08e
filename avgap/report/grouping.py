"""By what a report breaks gaps down: classes, agreement, a cache's columns, a table of the user."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avgap import console
from avgap.artifact.csv import read_csv
from avgap.artifact.gaps import Gaps
from avgap.errors import InputError, UsageError
from avgap.report.breakdown import Grouping, by_agreement, by_class, by_text
from avgap.text import nearest, shorten

CLASS, PREDICTED, AGREEMENT = "class", "predicted class", "agreement"
# A cache's columns that name a file or a place, not a kind of sample.
_UNLIKE = ("video", "audio", "files", "image", "start", "end")
_MOST = 100  # groups of a cache's column, at most; a column that the user asks for has any number


@dataclass(frozen=True)
class By:
    """What --by asked for: names of groupings, and tables of the user's, column → id → value."""

    names: tuple[str, ...] = ()
    tables: tuple[tuple[Path, Mapping[str, Mapping[str, str]]], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.names or self.tables)


NO_QUESTION = By()


def read_by(words: Sequence[str]) -> By:
    """Sort the words of --by into tables (files, names ending in .csv) and names of groupings."""
    paths = [word for word in words if word.lower().endswith(".csv") or Path(word).is_file()]
    names = tuple(word for word in words if word not in paths)
    return By(names, tuple((Path(path), read_table(Path(path))) for path in paths))


def read_table(path: Path) -> dict[str, dict[str, str]]:
    """A table of samples: a CSV with a column id and others → column → id → value.

    Raises InputError: missing, unreadable, no column id, no other column, no rows, an id twice.
    """
    table = read_csv(path, "a CSV with a column id")
    columns = dict(zip(table.header, zip(*table.rows, strict=True), strict=True))
    columns.pop("", None)
    if "id" not in columns:
        like = nearest("id", columns)
        guess = [f"is it {like!r}?"] if like else []
        raise InputError(f"{path} has no column 'id'", [*guess, f"it has: {', '.join(columns)}"])
    ids = columns.pop("id")
    if not columns:
        raise InputError(f"{path} has no column beside id", hint="a column to group the samples by")
    seen: set[str] = set()
    twice = [id for id in ids if id in seen or seen.add(id)]  # type: ignore[func-returns-value]
    if twice:
        raise InputError(f"{path} names {len(set(twice)):,} ids twice", shorten(sorted(set(twice))))
    return {name: dict(zip(ids, cells, strict=True)) for name, cells in columns.items()}


def columns_of_table(
    path: Path, table: Mapping[str, Mapping[str, str]], ids: Sequence[str]
) -> dict[str, list[str]]:
    """The table's columns for N samples, in their order; "" where the table lacks one, told once.

    A table may hold more samples than these, such as those of other splits. Raises InputError
    where it holds none of them.
    """
    known = next(iter(table.values()))
    missing, here = [id for id in ids if id not in known], set(ids)
    strange = [id for id in known if id not in here]
    if len(missing) == len(ids):
        raise InputError(
            f"{path} knows none of the {len(ids):,} samples",
            [
                f"it names      {', '.join(list(known)[:3])}",
                f"the gaps have {', '.join(ids[:3])}",
            ],
            "the same ids as in the gaps (avgap report GAPS --format csv shows them)",
        )
    for there, what in ((missing, "does not know"), (strange, "also names")):
        if there:
            of = "of the samples" if what == "does not know" else "ids without a sample"
            some = ", ".join(shorten(there, 3))
            console.warn(f"{path} {what} {len(there):,} {of}: {some}")
    return {name: [values.get(id, "") for id in ids] for name, values in table.items()}


def groupings(
    gaps: Gaps, classes: Sequence[str], meta: Mapping[str, Sequence[str]], by: By
) -> dict[str, Grouping]:
    """Every grouping of a table of gaps by its name, the user's own first.

    classes: names, where known. meta: a cache's columns for these samples, (N,) each.
    Raises InputError (--by a table that does not fit), UsageError (--by an unknown name).
    """
    found: dict[str, Grouping] = {}
    for path, table in by.tables:
        if gaps.id is None:
            raise InputError(f"{path} cannot be joined: the gaps have no ids")
        columns = columns_of_table(path, table, gaps.id)
        found |= {f"{path.name}: {name}": by_text(values) for name, values in columns.items()}
    own = own_groupings(gaps, classes)
    everything = {**own, **{name: by_text(values) for name, values in meta.items()}}
    for name in by.names:
        if name not in everything:
            like = nearest(name, everything)
            raise UsageError(
                f"--by {name}: no such column",
                [f"there are: {', '.join(everything) or 'none'}"],
                f"--by {shlex.quote(like)}" if like else "--by FILE.csv",
            )
        found[name] = everything[name]
    useful = {name: everything[name] for name in meta if worth_showing(name, everything[name])}
    return found | {name: g for name, g in (own | useful).items() if name not in found}


def own_groupings(gaps: Gaps, classes: Sequence[str]) -> dict[str, Grouping]:
    """By class, predicted class and agreement, as far as the table has their columns."""
    found: dict[str, Grouping] = {}
    if gaps.label is not None:
        found[CLASS] = by_class(gaps.label, classes)
    if gaps.fused_pred is not None:
        found[PREDICTED] = by_class(gaps.fused_pred, classes)
    if gaps.label is not None and gaps.audio_pred is not None and gaps.visual_pred is not None:
        right = (gaps.audio_pred == gaps.label, gaps.visual_pred == gaps.label)
        found[AGREEMENT] = by_agreement(*right)
    return found


def worth_showing(name: str, grouping: Grouping) -> bool:
    """Whether a cache's column parts its samples into several groups of more than a few."""
    count = len(np.unique(grouping.index))
    return name not in _UNLIKE and 2 <= count <= min(_MOST, len(grouping.index) // 2)
