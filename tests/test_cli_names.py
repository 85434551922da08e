"""The names that the command line knows are those of the registries."""

from __future__ import annotations

import pytest
from calling import fails
from typer.testing import CliRunner

from avgap.artifact.gaps import read_gaps
from avgap.artifact.predictions import read_scores
from avgap.cli import app, names
from avgap.data.datasets import DATASETS, FILES
from avgap.errors import AvgapError
from avgap.figures import expect_writable
from avgap.methods.registry import METHODS, settings_of, text_of
from avgap.models import ENCODERS


def test_the_names_are_those_of_the_registries_in_their_order():
    assert tuple(DATASETS) == names.DATASETS
    assert set(names.FILES) == FILES
    assert tuple(ENCODERS) == names.ENCODERS


def test_every_method_has_the_settings_that_are_told():
    told = {
        name: ", ".join(f"{s.name}={text_of(s.default)}" for s in settings_of(method))
        for name, method in METHODS.items()
    }
    assert told == names.METHODS
    assert list(names.METHODS) == list(METHODS)


@pytest.mark.parametrize(
    ("read", "endings"),
    [(read_gaps, names.GAPS), (read_scores, names.SCORES), (expect_writable, names.FIGURES)],
)
def test_the_endings_are_those_that_are_read_and_written(tmp_path, read, endings):
    (tmp_path / "x.txt").touch()
    with pytest.raises(AvgapError) as told:
        read(tmp_path / "x.txt")
    assert told.value.details == (f"known endings: {', '.join(endings)}",)


def test_a_name_for_a_sentence():
    assert names.either(("a", "b", "c")) == "a, b or c"
    assert names.either(("a", "b")) == "a or b"


def test_the_order_of_the_names_is_that_of_the_message(tmp_path):
    assert "known: csv, avdigits, demo," in fails(2, "prepare", "cvs", tmp_path, "-o", "c.h5")


@pytest.mark.parametrize(
    ("words", "proposed"),
    [
        ("avgap prepare av", ["ave", "avdigits"]),
        ("avgap baseline ogm", ["ogm-ge"]),
        ("avgap warmup c.h5 --encoder re", ["resnet18"]),
    ],
)
def test_a_shell_completes_the_names(words, proposed, monkeypatch):
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    monkeypatch.setenv("_AVGAP_COMPLETE", "complete_bash")
    done = CliRunner().invoke(app, [], prog_name="avgap")
    assert sorted(done.output.split()) == sorted(proposed)
