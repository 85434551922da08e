"""The samples of a run as the page's table and its CSV hold them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from markupsafe import Markup

from avgap import console
from avgap.report.runview import RunView

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST = 50_000  # samples on a page; with more, those of the largest |gap|
FEW = 50  # rows that the page has without its script
_DIGITS = 4  # of a score on the page


class Column(NamedTuple):
    """One column of N values. kind: text, number, gap (a number that is shown with its sign)."""

    name: str
    kind: str
    values: list[Any]


def columns(view: RunView) -> list[Column]:
    """What is known of each of the first gaps' N samples, in the order of the table of gaps."""
    if view.first is None:
        return []
    gaps = view.first.gaps
    ids = gaps.id if gaps.id is not None else [f"row {i}" for i in range(1, len(gaps) + 1)]
    found = [Column("id", "text", list(ids))]
    if gaps.label is not None:
        found.append(Column("label", "text", class_names(gaps.label, view.classes)))
    found.append(Column("gap", "gap", gaps.gap.tolist()))
    later = _last_gap(view, ids)
    if later is not None:
        found.append(Column("last gap", "gap", later))
    numbers = {"audio": gaps.audio_prob, "visual": gaps.visual_prob, "posterior": view.posterior}
    found += [Column(name, "number", v.tolist()) for name, v in numbers.items() if v is not None]
    guesses = {"fused": gaps.fused_pred, "audio": gaps.audio_pred, "visual": gaps.visual_pred}
    found += [
        Column(f"{name} says", "text", class_names(column, view.classes))
        for name, column in guesses.items()
        if column is not None
    ]
    if any(view.meta.get("corrupt", ())):
        found.append(Column("spoiled", "text", view.meta["corrupt"]))
    return found


def class_names(column: NDArray[np.int64], classes: tuple[str, ...]) -> list[str]:
    """Class indices, (N,), as names where they are known."""
    known = len(classes)
    return [classes[i] if 0 <= i < known else str(i) for i in column.tolist()]


def _last_gap(view: RunView, ids: list[str]) -> list[float | None] | None:
    """Each sample's gap in the last round, None where that lacks it; None of a single round."""
    if len(view.run.moments) < 2 or view.run.moments[-1].gaps.id is None:
        return None
    last = view.run.moments[-1].gaps
    places = {id: i for i, id in enumerate(last.id or ())}
    return [float(last.gap[places[id]]) if id in places else None for id in ids]


class PageTable(NamedTuple):
    """The page's table: the heads, the first rows as text, all rows as JSON, how many were left."""

    heads: list[tuple[str, str]]  # name and kind
    first: list[list[str]]
    data: Markup
    n: int
    left_out: int


def page_table(view: RunView, bins: NDArray[np.float64]) -> PageTable | None:
    """All samples (at most MOST), the largest |gap| first. bins: edges of the histogram's bins."""
    found = columns(view)
    if view.first is None or not found:
        return None
    gap = view.first.gaps.gap
    order = np.argsort(-np.abs(gap), kind="stable")[:MOST]
    bin_of = np.clip(np.searchsorted(bins, gap, side="right") - 1, 0, len(bins) - 2)
    packed = [
        {"name": c.name, "kind": c.kind, **_packed([c.values[i] for i in order], c.kind)}
        for c in found
    ]
    body = {"columns": packed, "row": order.tolist(), "bin": bin_of[order].tolist()}
    heads = [(c.name, c.kind) for c in found]
    first = [[_shown(c.values[i], c.kind) for c in found] for i in order[:FEW]]
    return PageTable(heads, first, json_for_script(body), len(gap), len(gap) - len(order))


def _packed(values: list[Any], kind: str) -> dict[str, Any]:
    """Numbers rounded; texts as they are, or as indices into the few that there are."""
    if kind != "text":
        return {"values": [None if v is None else round(v, _DIGITS) for v in values]}
    safe = [console.safe(value) for value in values]
    names = sorted(set(safe))
    if len(names) > len(safe) // 2:
        return {"values": safe}
    place = {name: i for i, name in enumerate(names)}
    return {"names": names, "values": [place[value] for value in safe]}


def _shown(value: Any, kind: str) -> str:
    if value is None:
        return "–"
    if kind == "text":
        return str(value)
    return (f"{value:+.3f}" if kind == "gap" else f"{value:.3f}").replace("-", "−")


def json_for_script(value: Any) -> Markup:
    """Compact JSON that may stand in a <script> element: nothing in it can end that element."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # escaped above, for where it stands


def trajectory_rows(views: Sequence[RunView]) -> Iterator[dict[str, Any]]:
    """One row per sample and run: files, gap and posterior of each round, whether it ever moved.

    Those imbalanced in the most rounds come first, the larger mean |gap| before the smaller.
    """
    for view in views:
        paths = view.trajectories
        if paths is None or view.first is None or view.first.gaps.id is None:
            continue
        own = {id: row for row, id in enumerate(view.first.gaps.id)}
        known = {c.name: c.values for c in columns(view) if c.name in ("label", "spoiled")}
        files = {name: view.meta[name] for name in ("video", "audio") if name in view.meta}
        for i in paths.order().tolist():
            row: dict[str, Any] = {"run": view.name} if len(views) > 1 else {}
            place = own[paths.id[i]]
            row |= {"id": paths.id[i], **{name: of[place] for name, of in known.items()}}
            if view.clips is not None:
                row |= {name: view.clips.source(of[place]) for name, of in files.items()}
            row |= {
                "rounds_imbalanced": int(paths.imbalanced[:, i].sum()),
                "never_moved": int(paths.never_moved[i]),
            }
            for r in range(len(paths.rounds)):
                row |= {f"gap_{r}": paths.gap[r, i], f"posterior_{r}": paths.posterior[r, i]}
            yield row
