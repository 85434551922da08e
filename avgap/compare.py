"""⑧ Runs over seeds, by selection rule and against a reference: run folders → a comparison."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from avgap import artifact
from avgap.errors import InputError, UsageError
from avgap.report.compared import ComparedRun, find_runs
from avgap.report.comparison import Comparison, panel_of
from avgap.report.seedgroups import by_folder, folder_name, group_by_settings
from avgap.text import nearest


def compare(
    paths: Sequence[Path],
    reference: str | None = None,
    cache: Path | None = None,
    names: str = "settings",
) -> Comparison:
    """Compare every whole run under the folders; those of other caches or splits apart.

    reference: a group's name, or its folder's, by default the first. cache: where it lies, if it
    has moved; of it only the data set's name is told. names: settings, or folder. Raises
    InputError: nothing to compare, no cache; UsageError: an unknown reference.
    """
    known = {} if cache is None else _name_of(artifact.read_stamp(cache))
    search = find_runs(paths)
    found, twice = group_by_settings(search.runs)
    left_out, notes = search.left_out + twice, list(search.notes)
    if not found:
        raise InputError("there are no whole trainings with metrics to compare", left_out[:10])
    folders = {group.name: folder_name(group) for groups in found.values() for group in groups}
    if names == "folder":
        found = {key: by_folder(groups) for key, groups in found.items()}
        folders = {group.name: group.name for groups in found.values() for group in groups}
    if reference is not None and reference not in folders:
        of_folder = [name for name, folder in folders.items() if folder == reference]
        reference = of_folder[0] if len(of_folder) == 1 else reference
    if reference is not None and reference not in folders:
        like = nearest(reference, [*folders, *folders.values()])
        raise UsageError(
            f"--reference {reference}: no such group",
            [f"there are: {', '.join(folders)}"],
            f"--reference {shlex.quote(like)}" if like else None,
        )
    panels = []
    for (digest, split), groups in found.items():
        dataset = known.get(digest) or _dataset(next(iter(groups[0].runs.values())))
        name = f"{dataset or 'unknown data'}, {split}"
        if sum(of == split for _, of in found) > 1:
            name += f", cache {digest[:12]}"  # two caches may be of one data set
        first = next((g for g in groups if g.name == reference), groups[0])
        if reference is not None and first.name != reference:
            notes.append(f"{name}: no group {reference}; compared with {first.name} instead")
        panel, unpaired = panel_of(name, groups, first, dataset)
        panels.append(panel)
        notes += unpaired
    return Comparison(panels, left_out, notes)


def _dataset(run: ComparedRun) -> str:
    """The data set's name, from the cache if it lies where it lay."""
    training = run.chain[-1]
    hint = training.last.stamp.hints.get("cache")
    try:
        stamp = artifact.read_stamp(training.folder / hint) if hint else None
    except InputError:
        return ""
    return "" if stamp is None else _name_of(stamp).get(run.cache, "")


def _name_of(stamp: artifact.Stamp) -> dict[str, str]:
    """The data set's name by the digest of its cache."""
    return {stamp.digest: str(stamp.parameters.get("dataset", ""))}
