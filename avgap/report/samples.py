"""The samples of a run: the page's gallery and table, the rows of its CSV, their way by round."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from markupsafe import Markup

from avgap import console
from avgap.artifact.gaps import Gaps
from avgap.mixture.model import Mixture
from avgap.report.clips import Clips
from avgap.report.runview import RunView

if TYPE_CHECKING:
    from numpy.typing import NDArray

MANY = 12  # samples in the gallery of the side with the larger gaps
OTHERS = 6  # of the other
WORTH = 0.1  # |gap| from which a sample is worth showing
MOST = 50_000  # samples on a page; with more, those of the largest |gap|
FEW = 50  # rows that the page has without its script
_DIGITS = 4  # of a score on the page
_SIDES = {1: "audio", -1: "visual", 0: "neither"}


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
    if gaps.fold is not None:
        found.append(Column("fold", "text", [str(fold) for fold in gaps.fold.tolist()]))
    if any(view.meta.get("corrupt", ())):
        found.append(Column("corrupted", "text", view.meta["corrupt"]))
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


def sample_rows(views: Sequence[RunView]) -> Iterator[dict[str, Any]]:
    """One row per sample of the first gaps; with several runs, which one.

    held_out: 1 where the network that measured a sample has not seen it, 0 where it has.
    """
    for view in views:
        found = columns(view)
        named: dict[str, Any] = {"run": view.name} if len(views) > 1 else {}
        held_out = None if view.first is None else view.first.gaps.held_out
        last = {"held_out": "" if held_out is None else int(held_out)}
        for values in zip(*(column.values for column in found), strict=True):
            known = {csv_name(c.name): v for c, v in zip(found, values, strict=True)}
            yield named | known | last


def csv_name(name: str) -> str:
    """A column's name in a file: that of gaps.h5 where it is the same."""
    own = {"audio": "audio_prob", "visual": "visual_prob", "corrupted": "spoiled"}
    return own.get(name, name.replace(" says", "_pred").replace(" ", "_"))


def trajectory_rows(views: Sequence[RunView]) -> Iterator[dict[str, Any]]:
    """One row per sample and run: files, whether it ever moved, and of each round gap and side.

    posterior_r is that of the round's own mixture; side_r (audio, visual, neither) is by the one
    rule of Trajectories. Those imbalanced in the most rounds come first, the larger mean |gap|
    before the smaller.
    """
    for view in views:
        paths = view.trajectories
        if paths is None or view.first is None or view.first.gaps.id is None:
            continue
        own = {id: row for row, id in enumerate(view.first.gaps.id)}
        sides = paths.side
        known = {
            csv_name(c.name): c.values for c in columns(view) if c.name in ("label", "corrupted")
        }
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
                row |= {f"side_{r}": _SIDES[int(sides[r, i])]}
            yield row


# ---------------------------------------------------------------- the gallery


def leading(gap: NDArray[np.float64], modality: str, most: int) -> list[int]:
    """Rows of the largest gaps in favour of a modality, at most `most`, where they are worth it."""
    signed = gap if modality == "audio" else -gap
    rows = np.argsort(-signed, kind="stable")[:most]
    return [int(row) for row in rows if signed[row] >= WORTH]


def galleries(gap: NDArray[np.float64]) -> dict[str, list[int]]:
    """Rows to show by the modality that leads in them, the one of the larger gaps first.

    MANY of the side whose largest gaps are larger on average, OTHERS of the other.
    """
    sides = {name: leading(gap, name, MANY) for name in ("audio", "visual")}
    size = {name: float(np.abs(gap[rows]).sum()) for name, rows in sides.items()}
    first, other = sorted(sides, key=lambda name: -size[name])
    shown = {first: sides[first], other: sides[other][:OTHERS]}
    return {name: rows for name, rows in shown.items() if rows}


def cards(
    table: Gaps,
    rows: list[int],
    mixture: Mixture | None,
    clips: Clips | None,
    classes: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """What the gallery shows of each row: id, label, scores, posterior, predictions, pictures."""

    def name(column: NDArray[np.int64] | None, row: int) -> str | None:
        if column is None:
            return None
        index = int(column[row])
        return classes[index] if 0 <= index < len(classes) else str(index)

    def value(column: NDArray[np.float64] | None, row: int) -> float | None:
        return None if column is None else float(column[row])

    shown = []
    for row in rows:
        id = table.id[row] if table.id is not None else f"row {row + 1}"
        seen = clips is not None and clips.pictured and id in clips.row
        predictions = {
            "fused": table.fused_pred,
            "audio": table.audio_pred,
            "visual": table.visual_pred,
        }
        shown.append(
            {
                "row": row,
                "id": id,
                "label": name(table.label, row),
                "gap": float(table.gap[row]),
                "prob": {
                    "audio": value(table.audio_prob, row),
                    "visual": value(table.visual_prob, row),
                },
                "posterior": None if mixture is None else float(mixture.posterior(table.gap[row])),
                "predicted": {m: name(column, row) for m, column in predictions.items()},
                "corrupt": "" if clips is None else clips.corrupt.get(id, ""),
                "pictures": clips.pictures(id) if clips is not None and seen else None,
            }
        )
    return shown
