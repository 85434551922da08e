"""Tables over seeds: accuracies, intervals, rules to select an epoch, cost; against a reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from avgap.report.compared import BEST, LAST, ComparedRun
from avgap.report.papernumbers import METHODS, paper_accuracy
from avgap.report.seedgroups import Pairs, SeedGroup, seed_name
from avgap.report.statistics import Difference, mcnemar, spread, wilson
from avgap.report.tables import NOTHING, Table, number, percent, points
from avgap.settings import MODALITIES


def over_seeds(values: Sequence[float | None], show: Callable[[float], str] = percent) -> str:
    """Mean ± std of the values that are there; with how many, where some are missing."""
    there = [value for value in values if value is not None]
    if not there:
        return NOTHING
    of = spread(there)
    text = show(of.mean) if of.std is None else f"{show(of.mean)} ± {show(of.std)}"
    return text if len(there) == len(values) else f"{text} (n = {len(there)})"


def results(groups: Sequence[SeedGroup], of: str) -> Table:
    """Accuracy, macro F1 and mean |gap| by best.pt, mean ± std over seeds."""
    rows = []
    for group in groups:
        members = list(group.runs.values())
        measured = [
            over_seeds([t.metric(BEST, modality, name) for t in members])
            for name in ("accuracy", "macro_f1")
            for modality in MODALITIES
        ]
        rows.append([
            group.name, str(len(members)), *measured,
            over_seeds([t.mean_abs_gap for t in members], lambda v: f"{v:.3f}"),
        ])  # fmt: skip
    title = f"Best on validation ({of}), in percent: mean ± std over seeds"
    columns = (*MODALITIES, *(f"F1 {modality}" for modality in MODALITIES))
    return Table("results", title, ("group", "seeds", *columns, "mean |gap|"), rows)


def cost(groups: Sequence[SeedGroup], of: str) -> Table:
    """Time and speed of training, all its trainings together, mean ± std over seeds."""
    rows = []
    for group in groups:
        members = list(group.runs.values())
        times = over_seeds([t.seconds for t in members], "{:,.1f}".format)
        rows.append([group.name, times, over_seeds([t.speed for t in members], "{:,.0f}".format)])
    columns = ("group", "training, s", "samples/s")
    return Table("cost", f"What training cost ({of}), as the logs tell", columns, rows)


def intervals(groups: Sequence[SeedGroup], of: str) -> Table:
    """Wilson's 95 % intervals of the mean accuracies on N samples, which seeds do not add to."""
    rows, sizes = [], set()
    for group in groups:
        members = [t for t in group.runs.values() if BEST in t.metrics]
        row = [group.name]
        for modality in MODALITIES:
            measured = [t.metric(BEST, modality, "accuracy") for t in members]
            values = [value for value in measured if value is not None]
            if not values:
                row.append(NOTHING)
                continue
            n = int(members[0].metrics[BEST]["n_samples"])
            sizes.add(n)
            mean = float(np.mean(values))
            share = wilson(mean * n, n)
            row.append(f"{percent(mean)} [{percent(share.low)}–{percent(share.high)}]")
        rows.append(row)
    n_samples = ", ".join(f"{n:,}" for n in sorted(sizes))
    title = f"Accuracy with Wilson's 95 % interval on {n_samples} samples ({of}), in percent"
    return Table("intervals", title, ("group", *MODALITIES), rows if sizes else [])


def rules(groups: Sequence[SeedGroup], of: str, dataset: str) -> Table:
    """Fused accuracy by three ways to select the epoch, and the paper's number."""
    columns: tuple[str, ...] = ("group", "on validation itself", "best on validation", "last epoch")
    columns += ("best on test (optimistic)",)
    columns += ("the paper's, its protocol",) if dataset in METHODS else ()
    rows = []
    for group in groups:
        members = list(group.runs.values())
        row = [group.name, over_seeds([t.validation for t in members])]
        row += [
            over_seeds([t.metric(rule, "fused", "accuracy") for t in members])
            for rule in (BEST, LAST)
        ]
        row.append(over_seeds([t.peers for t in members]))
        if dataset in METHODS:
            theirs = paper_accuracy(dataset, members[0].method, members[0].settings)
            row.append(NOTHING if theirs is None else f"{theirs:.2f}")
        rows.append(row)
    title = f"Fused accuracy by rule to select an epoch of the last stage ({of}), in percent"
    return Table("rules", title, columns, rows)


def differences(found: Sequence[Pairs], reference: str, of: str) -> Table:
    """The difference in fused accuracy, its intervals, and how many seeds are above."""
    rows = []
    for pair in found:
        by_sample = pair.over_samples
        by_both = pair.over_both if len(pair.seeds) > 1 else None
        change = pair.right.mean(axis=1) - pair.reference.mean(axis=1)
        above, below = int((change > 0).sum()), int((change < 0).sum())
        rows.append([
            pair.name, str(len(pair.seeds)), points(by_sample.value), _interval(by_sample),
            NOTHING if by_both is None else _interval(by_both), f"{above} / {below}",
        ])  # fmt: skip
    title = f"Against {reference} ({of}), fused, best on validation, in percentage points"
    columns = ("group", "pairs of seeds", "difference", "95 % over samples")
    more = ("95 % over seeds and samples", "seeds above / below")
    return Table("against", title, (*columns, *more), rows)


def _interval(of: Difference) -> str:
    return f"[{points(of.low)} … {points(of.high)}]"


def tests(found: Sequence[Pairs], reference: str, of: str) -> Table:
    """McNemar's exact test of every seed: pooled, the p of several seeds would be too small."""
    seeds = sorted({seed for pair in found for seed in pair.seeds})
    rows = []
    for pair in found:
        row = [pair.name]
        for seed in seeds:
            if seed not in pair.seeds:
                row.append(NOTHING)
                continue
            at = pair.seeds.index(seed)
            test = mcnemar(pair.right[at], pair.reference[at])
            row.append(f"{number(test.p, 2)} (+{test.gained:,} −{test.lost:,})")
        rows.append(row)
    title = f"McNemar's p against {reference}, seed by seed ({of}): +gained −lost samples"
    return Table("mcnemar", title, ("group", *map(seed_name, seeds)), rows)


_PROVENANCE = ("audio_encoder", "visual_encoder", "optimizer", "lr", "batch_size", "lr_schedule")


def provenance(groups: Sequence[SeedGroup], of: str) -> Table:
    """What each group was trained with: epochs of all its trainings, settings, cache, versions."""
    rows = []
    for group in groups:
        runs = list(group.runs.values())
        first, last = runs[0].chain[0].parameters, runs[0].chain[-1]
        epochs = " + ".join(str(len(training.history)) for training in runs[0].chain)
        versions = {
            str(t.last.stamp.provenance.get("avgap", NOTHING)) for r in runs for t in r.chain
        }
        values = {**first, **last.parameters}
        audio, visual, *rest = (values.get(name) for name in _PROVENANCE)
        encoder = audio if audio == visual else f"{audio}, {visual}"
        rows.append([
            group.name, epochs, str(encoder or NOTHING),
            *(NOTHING if value is None else f"{value}" for value in rest),
            last.last.stamp.inputs.get("cache", NOTHING)[:8], ", ".join(sorted(versions)),
        ])  # fmt: skip
    columns = ("group", "epochs", "encoder", "optimizer", "rate", "batch", "schedule")
    return Table("provenance", f"Settings ({of})", (*columns, "cache", "avgap"), rows)


def tidy(group: SeedGroup, run: ComparedRun, dataset: str) -> dict[str, object]:
    """One run as one row: its group, seeds, place and every number of the tables."""
    row: dict[str, object] = {
        "dataset": dataset,
        "split": run.split,
        "group": group.name,
        "seed": " ".join(map(str, run.seed)),
        "training": str(run.path),
    }
    for rule in (BEST, LAST):
        for name in ("accuracy", "macro_f1"):
            for modality in MODALITIES:
                row[f"{rule}_{modality}_{name}"] = run.metric(rule, modality, name)
    row["validation_fused_accuracy"] = run.validation
    row["best_on_test_fused_accuracy"] = run.peers
    row["mean_abs_gap"] = run.mean_abs_gap
    row["seconds"], row["samples_per_second"] = run.seconds, run.speed
    return row
