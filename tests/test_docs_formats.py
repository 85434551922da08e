"""docs/formats.md against the files themselves: every field, every file name, every snippet."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import media
import pytest
import torch

from avgap import artifact, report
from avgap.adapt import adapt
from avgap.artifact import read_stamp
from avgap.artifact.checkpoint import read_checkpoint
from avgap.artifact.gmm import read_mixture
from avgap.baseline import baseline
from avgap.crossfit import Trainings, crossfit
from avgap.errors import InputError
from avgap.evaluate import evaluate
from avgap.fitgmm import fitgmm
from avgap.gaps import gaps
from avgap.prepare import prepare
from avgap.settings import Adaptive, AudioRecipe, Crossfit, FrameRecipe, Network, Training
from avgap.warmup import warmup

PAGE = Path(__file__).parents[1] / "docs" / "formats.md"
_STAMP = (
    *("format", "format_version", "digest", "checksum"),
    *("inputs", "parameters", "provenance", "hints"),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one of each artifact, under the names of the document."""
    folder = tmp_path_factory.mktemp("made")
    cache, run = folder / "cache.h5", folder / "run"
    table = media.write_dataset(folder / "media", {"train": 8, "val": 4, "test": 4})
    sound = AudioRecipe("test", 2000, 0.3, 64, 32)
    prepare("csv", table, cache, audio=sound, frames=FrameRecipe(2, 16), workers=1)
    settings = Training(epochs=1, batch_size=4)
    small = Network("small", "small")
    start = warmup(cache, run / "warmup", loss="joint", network=small, settings=settings).path
    other = replace(settings, seed=1)
    warmup(cache, folder / "fused", loss="fused", network=small, settings=other)
    gaps(cache, start, run / "gaps.h5", logits=True)
    gaps(cache, start, run / "gaps.csv")
    fitgmm(run / "gaps.h5", run / "gmm.json")
    last = adapt(cache, start, run / "adapt", settings=Adaptive(steps=1, epochs=1)).path
    one = Adaptive(steps=1, epochs=1)
    adapt(cache, start, folder / "given", settings=one, gmm=run / "gmm.json")
    chosen = ["ends=1", "noise=false"]
    baseline("ogm-ge", cache, folder / "ogm", assignments=chosen, network=small, settings=settings)
    crossfit(Trainings(cache, folder / "crossfit", Crossfit(2), "joint", small, settings))
    evaluate(cache, start, run / "warmup" / "metrics.json")
    evaluate(cache, last, run / "adapt" / "metrics.json")
    report.page([run], folder / "report.html")
    return folder


# ---------------------------------------------------------------- what the document names


def section(heading: str) -> str:
    """The text under a heading of the second level, without its code blocks."""
    text = re.sub(r"^```.*?^```$", "", PAGE.read_text(encoding="utf-8"), flags=re.M | re.S)
    parts = re.split(r"^## (.+)$", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[heading]


def named(heading: str) -> set[str]:
    """Everything in backticks under a heading."""
    return set(re.findall(r"`([^`]+)`", section(heading)))


def tabled(heading: str) -> set[str]:
    """Everything in backticks in the first column of the tables under a heading."""
    cells = re.findall(r"^\| ([^|]+) \|", section(heading), flags=re.M)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


# ---------------------------------------------------------------- what the files hold


def keys_of(record: Mapping[str, Any]) -> Iterator[str]:
    """Every key of nested records; the keys of `per_class` are the data's own."""
    for key, value in record.items():
        yield key
        if key == "per_class":
            yield from (name for values in value.values() for name in values)
        elif isinstance(value, Mapping):
            yield from keys_of(value)


def question_of(path: Path) -> set[str]:
    """The names in a stamp that differ from format to format."""
    stamp = read_stamp(path)
    names = {re.sub("^set_.*", "set_NAME", name) for name in keys_of(stamp.parameters)}
    inputs = {re.sub(r"_\d+$", "_I", name) for name in (*stamp.inputs, *stamp.hints)}
    return {*inputs, *names}


def fields_of_cache(made: Path) -> set[str]:
    with h5py.File(made / "cache.h5") as file:
        found = {*file.attrs} - {*_STAMP}
        file.visit(lambda place: found.update(place.split("/")))
        found |= {*json.loads(file["audit"].asstr()[0])}
    return found | question_of(made / "cache.h5")


def fields_of_gaps(made: Path) -> set[str]:
    with h5py.File(made / "run" / "gaps.h5") as file:
        found = set(file)
    lines = (made / "run" / "gaps.csv").read_text(encoding="utf-8").splitlines()
    columns = set(next(csv.reader(lines[1:])))
    assert columns == {name for name in found if not name.endswith("_logits")}
    with h5py.File(made / "crossfit" / "gaps.h5") as file:
        assert set(file) - found == {"fold"}
    return found.union(["fold"], *(question_of(made / n / "gaps.h5") for n in ("run", "crossfit")))


def fields_of_json(path: Path) -> set[str]:
    body = json.loads(path.read_text(encoding="utf-8"))
    return {*keys_of({k: v for k, v in body.items() if k not in _STAMP})} | question_of(path)


def fields_of_checkpoint(made: Path) -> set[str]:
    found = set()
    for place in ("run/warmup", "fused", "run/adapt", "given", "ogm", "crossfit/fold-1"):
        content = torch.load(made / place / "checkpoint.pt", weights_only=True)
        found |= {*content} - {*_STAMP}
        found |= {*content["description"], *content["progress"], *content["optimizer"]}
        found |= {name.split(".")[0] for name in content["model"]}
        found |= question_of(made / place / "checkpoint.pt")
    return found


def fields_of_log(made: Path) -> set[str]:
    logs = [made / place / "log.jsonl" for place in ("run/warmup", "fused", "run/adapt")]
    lines = [line for log in logs for line in log.read_text(encoding="utf-8").splitlines()]
    return {key for line in lines for key in keys_of(json.loads(line))}


FIELDS = {
    "The stamp": lambda made: {*_STAMP, *read_stamp(made / "run" / "gaps.h5").provenance},
    "cache": fields_of_cache,
    "gaps": fields_of_gaps,
    "gmm": lambda made: fields_of_json(made / "run" / "gmm.json"),
    "checkpoint": fields_of_checkpoint,
    "metrics": lambda made: fields_of_json(made / "run" / "adapt" / "metrics.json"),
    "log.jsonl": fields_of_log,
}
# What heads a table, or a row of one, without being a field.
_LOSSES = {f"--loss {loss}" for loss in ("abstain", "mend", "joint", "fused")}
_HEADINGS = {"gmm": {"fit", "diagnostics"}, "log.jsonl": _LOSSES}


@pytest.mark.parametrize("heading", FIELDS)
def test_every_field_of_a_file_is_named_in_its_section(made: Path, heading: str) -> None:
    assert FIELDS[heading](made) - named(heading) == set()


@pytest.mark.parametrize("heading", FIELDS)
def test_every_field_that_a_table_lists_is_in_the_file(made: Path, heading: str) -> None:
    assert tabled(heading) - FIELDS[heading](made) - _HEADINGS.get(heading, set()) == set()


def test_every_stamp_is_of_the_version_and_the_formats_that_the_document_names(made: Path) -> None:
    kinds = {
        read_stamp(path).format
        for path in made.rglob("*.*")
        if path.suffix in (".h5", ".json", ".pt")
    }
    assert kinds == set(artifact.FORMATS)
    opening = PAGE.read_text(encoding="utf-8").partition("## The stamp")[0]
    assert kinds <= set(re.findall(r"`([^`]+)`", opening))
    assert f"| `format_version` | integer | {artifact.FORMAT_VERSION};" in section("The stamp")


def test_shapes_and_types_are_those_of_the_tables(made: Path) -> None:
    with h5py.File(made / "cache.h5") as file:
        kinds = {name: file["train"][name].dtype.name for name in ("label", "audio", "visual")}
    assert kinds == {"label": "int64", "audio": "float16", "visual": "uint8"}
    with h5py.File(made / "run" / "gaps.h5") as file:
        stored = {name: data.dtype.name for name, data in file.items() if name != "id"}
    with h5py.File(made / "crossfit" / "gaps.h5") as file:
        stored["fold"] = file["fold"].dtype.name
    for name, kind in [*kinds.items(), *stored.items()]:
        heading = "cache" if name in ("audio", "visual") else "gaps"
        row = rf"^\|[^|]*`{name}`[^|]*\| \(N[^|]*\| {kind} \|"
        assert re.search(row, section(heading), flags=re.M), (name, kind)


def test_the_run_folder_names_every_file_that_a_run_leaves(made: Path) -> None:
    files = [path for path in (made / "run").rglob("*") if path.is_file()]
    spoken = " ".join(named("Run folder"))
    assert {path.name for path in files if path.suffix != ".csv"} == {
        "checkpoint.pt",
        "best.pt",
        "log.jsonl",
        "gaps.h5",
        "gmm.json",
        "metrics.json",
    }
    for path in files:
        assert path.name in spoken or path.suffix == ".csv"
    assert (made / "run" / "adapt" / "step-01" / "gaps.h5").exists()
    by_adapt, by_hand = (
        read_stamp(made / "run" / place / "gmm.json").inputs["checkpoint"]
        for place in ("adapt/step-01", ".")
    )
    assert by_adapt == by_hand


def test_the_page_is_known_by_the_mark_that_the_document_gives(made: Path) -> None:
    mark = next(name for name in named("The HTML page") if name.startswith("<meta"))
    text = (made / "report.html").read_text(encoding="utf-8")
    assert mark.partition("VERSION")[0] in text[:4096]
    assert "<script src" not in text


def snippets() -> list[str]:
    text = PAGE.read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, flags=re.M | re.S)


@pytest.mark.parametrize("number", range(len(snippets())))
def test_every_snippet_runs_on_files_of_these_names(
    made: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made)
    code = snippets()[number]
    assert len([line for line in code.splitlines() if line.strip()]) <= 7
    exec(compile(code, f"{PAGE.name}, snippet {number + 1}", "exec"), {})


def test_what_the_digests_leave_out_does_not_change_them(made: Path, tmp_path: Path) -> None:
    body = json.loads((made / "run" / "gmm.json").read_text(encoding="utf-8"))
    body["fit"]["n_iter"] += 1
    changed = tmp_path / "gmm.json"
    changed.write_text(json.dumps(body), encoding="utf-8")
    with pytest.raises(InputError, match="not what its stamp says") as told:
        read_mixture(changed)
    assert [line.split(":")[0] for line in told.value.details] == ["checksum"]
    del body["checksum"]  # as an older avgap wrote it
    changed.write_text(json.dumps(body), encoding="utf-8")
    assert read_mixture(changed).stamp.digest == body["digest"]
    body["components"]["balanced"]["mean"] += 0.1
    changed.write_text(json.dumps(body), encoding="utf-8")
    with pytest.raises(InputError, match="not what its stamp says"):
        read_mixture(changed)
    content = torch.load(made / "run" / "adapt" / "checkpoint.pt", weights_only=True)
    changed = tmp_path / "checkpoint.pt"
    torch.save({**content, "history": [], "selected": "x"}, changed)
    with pytest.raises(InputError, match="not what its stamp says") as told:
        read_checkpoint(changed)
    assert [line.split(":")[0] for line in told.value.details] == ["checksum"]
    del content["checksum"]
    torch.save({**content, "history": [], "selected": "x"}, changed)
    assert read_checkpoint(changed).stamp.digest == content["digest"]
