"""The adaptive loss in anybody's loop: the loss of `adapt`, and any two modalities."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

import avgap
from avgap import AdaptiveLoss, Mixture, fit_mixture
from avgap.adapt import adapt
from avgap.artifact.checkpoint import load_checkpoint, read_checkpoint
from avgap.data.cache.reader import open_cache
from avgap.data.loading.augment import whole_frames
from avgap.errors import InputError, UsageError
from avgap.fitgmm import fitgmm
from avgap.gaps import gaps
from avgap.mixture.model import Component
from avgap.settings import PRESETS, Adaptive, Network, Training
from avgap.warmup import warmup

MIXTURE = Mixture(Component(0.8, 0.05, 0.04), Component(0.2, 0.6, 0.09))


@pytest.mark.parametrize("preset", ["paper", "kept"])
def test_a_plain_loop_ends_with_the_weights_of_adapt(
    cache: Path, tmp_path: Path, preset: str
) -> None:
    # One batch of all samples, so that the order in which they are shuffled does not matter.
    loop = Training(epochs=3, batch_size=60, lr=0.05, seed=1)
    network = Network("small", "small")
    start = warmup(cache, tmp_path / "w", loss="joint", network=network, settings=loop).path
    gaps(cache, start, tmp_path / "gaps.h5")
    fitgmm(tmp_path / "gaps.h5", tmp_path / "gmm.json")
    member = PRESETS[preset] | {"alpha": 0.5, "gamma": 2.0}
    settings = Adaptive(steps=1, epochs=4, **member)
    done = adapt(cache, start, tmp_path / "a", settings=settings, gmm=tmp_path / "gmm.json").path

    split = open_cache(cache).split("train")
    audio, label = torch.from_numpy(split.audio), torch.from_numpy(split.label)
    frames = whole_frames(torch.from_numpy(split.visual), 16)
    model = load_checkpoint(start)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    loss = AdaptiveLoss(tmp_path / "gmm.json", **member)
    losses = []
    for epoch in range(4):
        optimizer.zero_grad()
        value = loss(*model(audio, frames)[:2], label, epoch)
        value.backward()
        optimizer.step()
        losses.append(value.item())

    trained = read_checkpoint(done)
    assert losses == pytest.approx([line["loss"] for line in trained.history], rel=1e-5)
    for name, weights in model.state_dict().items():
        torch.testing.assert_close(weights, trained.model[name], rtol=1e-3, atol=2e-4)


class Joint(nn.Module):
    """The warm-up of the plain loop below."""

    def forward(
        self, image: torch.Tensor, text: torch.Tensor, label: torch.Tensor, epoch: int
    ) -> torch.Tensor:
        return nn.functional.cross_entropy(image, label) + nn.functional.cross_entropy(text, label)


def test_the_gap_of_any_two_modalities_shrinks_where_plain_training_widens_it() -> None:
    torch.manual_seed(0)
    label = torch.arange(120) % 3
    signal = nn.functional.one_hot(label, 3).float()
    # The image shows the class well, the text faintly.
    image, text = signal + 0.3 * torch.randn(120, 3), 0.5 * signal + 0.5 * torch.randn(120, 3)
    warm = [nn.Linear(3, 3), nn.Linear(3, 3)]

    def measured(heads: Sequence[nn.Module]) -> NDArray[np.float64]:
        with torch.no_grad():
            gap = avgap.modality_gap(heads[0](image), heads[1](text), label)
        return np.asarray(gap.double())

    def train(heads: Sequence[nn.Module], criterion: nn.Module, start: int, epochs: int) -> None:
        parameters = [p for head in heads for p in head.parameters()]
        optimizer = torch.optim.Adam(parameters, lr=0.05)
        for epoch in range(start, start + epochs):
            optimizer.zero_grad()
            criterion(heads[0](image), heads[1](text), label, epoch).backward()
            optimizer.step()

    train(warm, Joint(), 0, 60)
    plain, adapted = deepcopy(warm), deepcopy(warm)
    loss = AdaptiveLoss(avgap.fit_mixture(measured(adapted)).mixture)
    for epoch in (0, 20, 40):
        loss.mixture = avgap.fit_mixture(measured(adapted)).mixture
        train(adapted, loss, epoch, 20)
        train(plain, Joint(), epoch, 20)
    before, after, without = (np.abs(measured(h)).mean() for h in (warm, adapted, plain))
    # Seen: 0.39, 0.35 and 0.46.
    assert after < 0.95 * before < before < 0.9 * without


def logits() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    first, second, fused = torch.randn(3, 8, 4, generator=torch.Generator().manual_seed(0))
    return first, second, fused


def test_the_models_own_fused_logits_are_classified_where_they_are_given() -> None:
    first, second, fused = logits()
    label, loss = torch.arange(8) % 4, AdaptiveLoss(MIXTURE, beta=0.0, gamma=0.0, weights="uniform")
    ce = nn.functional.cross_entropy
    assert loss(first, second, label).item() == pytest.approx(ce(first + second, label).item())
    assert loss(first, second, label, fused=fused).item() == pytest.approx(ce(fused, label).item())


def test_parts_are_named_as_in_the_log_and_sum_to_the_loss() -> None:
    first, second, _ = logits()
    label, loss = torch.arange(8) % 4, AdaptiveLoss(MIXTURE, alpha=2.0, beta=3.0, gamma=5.0)
    total, terms = loss.parts(first, second, label, 2)
    assert list(terms) == ["classification", "gap", "shift", "imbalanced"]
    expected = 2 * terms["classification"] + 0.96**2 * (3 * terms["gap"] + 5 * terms["shift"])
    assert total.item() == pytest.approx(expected.item())
    assert loss(first, second, label, 2).item() == total.item()


def test_weights_that_were_held_out_are_handed_in_by_sample() -> None:
    first, second, _ = logits()
    label = torch.arange(8) % 4
    gap = avgap.modality_gap(first, second, label)
    loss = AdaptiveLoss(MIXTURE, pull="weaker")
    own = loss.parts(first, second, label)
    same = loss.parts(first, second, label, imbalanced=torch.sigmoid(MIXTURE.log_odds(gap)))
    assert same.total.item() == pytest.approx(own.total.item(), rel=1e-6)
    none = loss.parts(first, second, label, imbalanced=torch.zeros(8))
    ce = nn.functional.cross_entropy(first + second, label)
    assert none.terms["classification"].item() == pytest.approx(ce.item())
    assert none.terms["shift"].item() == 0
    with pytest.raises(UsageError, match="weights='uniform' look at no w₁ that is given"):
        AdaptiveLoss(MIXTURE, weights="uniform")(first, second, label, imbalanced=torch.zeros(8))


def test_it_has_nothing_to_train_and_says_what_it_is() -> None:
    loss = AdaptiveLoss(MIXTURE, pull="weaker")
    assert list(loss.parameters()) == list(loss.buffers()) == []
    assert "alpha=1.0" in repr(loss)
    assert "pull='weaker'" in repr(loss)


def test_what_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown pull 'weakr'(.|\n)*try: weaker"):
        AdaptiveLoss(MIXTURE, pull="weakr")
    with pytest.raises(UsageError, match="known: posterior, uniform, balanced"):
        AdaptiveLoss(MIXTURE, weights="none")
    (tmp_path / "gmm.json").write_text(json.dumps({"components": {}}))
    with pytest.raises(InputError, match="is not an avgap artifact"):
        AdaptiveLoss(tmp_path / "gmm.json")


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("settings", [{}, {"keep_unimodal": True}, {"weights": "uniform"}])
def test_the_loss_has_the_type_of_the_logits(kind: torch.dtype, settings: dict[str, Any]) -> None:
    first, second = (torch.randn(8, 3).to(kind).requires_grad_() for _ in range(2))
    loss = AdaptiveLoss(MIXTURE, **settings).parts(first, second, torch.arange(8) % 3, epoch=2)
    assert loss.total.dtype == kind
    assert {term.dtype for term in loss.terms.values()} == {kind}
    loss.total.backward()
    assert first.grad is not None
    assert first.grad.isfinite().all()


def test_what_is_no_mixture_is_told_what_is_wanted() -> None:
    gaps = np.linspace(-1, 1, 60)
    for wrong in (gaps, torch.zeros(60), fit_mixture(gaps), None):
        with pytest.raises(
            UsageError, match=r"wants a Mixture, or the path of a gmm\.json"
        ) as told:
            AdaptiveLoss(wrong)  # type: ignore[arg-type]
        assert told.value.hint == "AdaptiveLoss(avgap.fit_mixture(gaps).mixture)"
    with pytest.raises(UsageError, match=r"not ndarray of shape \(60,\)"):
        AdaptiveLoss(gaps)  # type: ignore[arg-type]


def test_a_fit_says_whether_it_is_supported_and_what_to_be_careful_about() -> None:
    result = fit_mixture(np.random.default_rng(0).normal(0, 0.1, 500))
    assert result.supported is False
    assert any("not supported" in line for line in result.warnings)


def test_the_lines_of_the_document_run() -> None:
    page = Path(__file__).parents[1] / "docs" / "method.md"
    (lines,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    torch.manual_seed(0)

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.heads = torch.nn.ModuleList([torch.nn.Linear(4, 3), torch.nn.Linear(4, 3)])

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return tuple(head(x[:, i]) for i, head in enumerate(self.heads))

    model = Model()
    before = model.heads[0].weight.detach().clone()
    train = [(torch.randn(40, 2, 4), torch.arange(40) % 3) for _ in range(2)]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    names: dict[str, Any] = {"model": model, "train": train, "optimizer": optimizer}
    exec(lines, names)
    assert not torch.equal(model.heads[0].weight, before)
    assert names["epoch"] == 39
    assert len(names["gaps"]) == 80
