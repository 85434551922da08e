"""docs/adding.md: every example does what the page says."""

from __future__ import annotations

import re
from dataclasses import make_dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
import torch
import typer
from media import write_video
from sklearn.metrics import balanced_accuracy_score

from avgap import figures, metrics, models, settings
from avgap.cli import options
from avgap.cli.options.made import Given
from avgap.data.cache.reader import open_cache
from avgap.data.datasets import DATASETS
from avgap.methods import Batch, registry
from avgap.models.audiovisual import Logits
from avgap.prepare import prepare
from avgap.report import graphs
from avgap.settings import AudioRecipe, FrameRecipe

PAGE = Path(__file__).parents[1] / "docs" / "adding.md"


def example(kind: str, *modules: Any) -> dict[str, Any]:
    """The names that the example of a kind defines, run as a part of the given modules."""
    text = PAGE.read_text(encoding="utf-8")
    (code,) = re.findall(rf"^```python {kind}\n(.*?)^```$", text, flags=re.M | re.S)
    # Dataclasses look their module up by its name; any that is loaded will do.
    names: dict[str, Any] = {"__name__": __name__}
    for module in modules:
        names |= {**vars(module), "__name__": __name__}
    prefix = "" if code.startswith('"""') else "from __future__ import annotations\n"
    exec(compile(prefix + code, f"{PAGE.name}, {kind}", "exec"), names)
    return names


def test_the_dataset_is_prepared_like_any_other(tmp_path, monkeypatch):
    for actor in ("01", "02", "03"):
        for emotion in ("01", "03"):
            name = f"01-01-{emotion}-01-01-01-{actor}.mp4"
            write_video(tmp_path / f"Actor_{actor}" / name, frames=3)
    write_video(tmp_path / "Actor_01" / "02-01-01-01-01-01-01.mp4", frames=3)
    monkeypatch.setitem(DATASETS, "ravdess", example("dataset")["ravdess"])
    made = prepare(
        "ravdess",
        tmp_path,
        tmp_path / "cache.h5",
        audio=AudioRecipe("tiny", 8000, 0.5, 64, 100),
        frames=FrameRecipe(2, 16),
        split_by="speaker",
        workers=1,
    )
    assert made.classes == ("neutral", "happy")
    assert made.sizes == {"train": 2, "val": 2, "test": 2}
    assert made.audit is not None
    assert made.audit.published["clips"] == {"published": 1440, "found": 6}
    assert len(set(open_cache(tmp_path / "cache.h5").meta("train")["speaker"])) == 1


def test_the_encoder_serves_both_modalities(monkeypatch):
    monkeypatch.setitem(models.PICTURE_ENCODERS, "plain", example("encoder")["plain"])
    monkeypatch.setitem(models.ENCODERS, "plain", models.PICTURE_ENCODERS["plain"])
    network = models.build(
        models.Description("plain", "plain", (12, 16), (2, 16, 16), ("a", "b", "c"))
    )
    logits = network(torch.zeros(5, 12, 16), torch.zeros(5, 2, 3, 16, 16))
    assert logits.fused.shape == logits.audio.shape == logits.visual.shape == (5, 3)


def test_the_methods_loss_is_that_of_its_formula():
    method = example("method")["Smoothed"](epsilon=0.2)
    fused = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    label = torch.tensor([0, 0])
    batch = Batch(torch.zeros(2, 1, 1), torch.zeros(2, 1, 3, 1, 1), label, torch.arange(2))
    loss = method.step(lambda *_: Logits(fused / 2, fused / 2), batch, None)
    # Per sample 0.9 of the label's and 0.1 of the other class's negative log-probability.
    first = 0.9 * np.log1p(np.exp(-2)) + 0.1 * np.log1p(np.exp(2))
    second = 0.9 * np.log1p(np.exp(1)) + 0.1 * np.log1p(np.exp(-1))
    assert loss.total.item() == pytest.approx((first + second) / 2, rel=1e-6)
    assert "joint" in registry.METHODS


def test_the_metric_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    prob, label = rng.dirichlet([1, 1, 1], 200), rng.integers(0, 3, 200)
    found = example("metric", metrics)["balanced_accuracy"](prob, label)
    assert found == pytest.approx(balanced_accuracy_score(label, prob.argmax(axis=1)))


def test_the_option_is_one_of_every_command_that_trains():
    names = example("option")
    ((name, hint),) = names["__annotations__"].items()
    field = (name, eval(hint, dict(vars(settings))), names[name])
    Training = make_dataclass("Training", [field], bases=(settings.Training,), frozen=True)
    training = Annotated[dict[str, Any], Given(Training, "as in warm-up")]
    told = {}

    def train(training) -> None:
        told["training"] = training

    for wanted, words, value in (
        (Training, ["--nesterov"], Training(nesterov=True)),
        (training, ["--no-nesterov"], {**dict.fromkeys(vars(Training())), "nesterov": False}),
    ):
        train.__annotations__["training"] = wanted
        app = typer.Typer(pretty_exceptions_enable=False)
        app.command()(options.from_settings(train))
        app(words, standalone_mode=False)
        assert told["training"] == value


def test_the_figure_draws_what_it_is_given():
    figure = example("figure", figures)["scatter"](np.array([0.1, 0.9]), np.array([0.3, 0.2]))
    (line,) = figure.axes[0].lines
    assert line.get_xydata().tolist() == [[0.1, 0.3], [0.9, 0.2]]


def test_the_page_names_what_is_there():
    text = PAGE.read_text(encoding="utf-8")
    for path in re.findall(r"`(avgap/[a-z_/]+\.py)`", text):
        assert (PAGE.parents[1] / path).exists(), path
    for module, name in (
        (models, "PICTURE_ENCODERS"),
        (models, "VECTOR_ENCODERS"),
        (registry, "METHODS"),
        (metrics, "METRICS"),
        (graphs, "FIGURES"),
    ):
        assert isinstance(getattr(module, name), dict)
        assert f"`{name}`" in text
