"""Late fusion by numbers computed by hand: nothing is learnt from the sum."""

from __future__ import annotations

import math

import pytest
import torch
from test_methods import BATCH, LABEL, LOGITS, NOW, Fixed
from torch.nn.functional import cross_entropy

from avgap.methods.late import Late


def test_the_loss_is_the_sum_of_both_modalities_own() -> None:
    loss = Late().step(Fixed(), BATCH, NOW)  # type: ignore[arg-type]
    audio, visual = -math.log(3 / 4) / 2 - math.log(1 / 2) / 2, -math.log(1 / 2) / 2
    visual -= math.log(1 / 4) / 2
    assert loss.terms["audio"].item() == pytest.approx(audio)
    assert loss.terms["visual"].item() == pytest.approx(visual)
    assert loss.total.item() == pytest.approx(audio + visual)


def test_no_modality_learns_from_what_the_other_says() -> None:
    def gradient(other: torch.Tensor) -> torch.Tensor:
        audio = LOGITS.audio.clone().requires_grad_()

        class Model:
            def __call__(self, *_: object) -> object:
                return LOGITS._replace(audio=audio, visual=other)

        Late().step(Model(), BATCH, NOW).total.backward()  # type: ignore[arg-type]
        assert audio.grad is not None
        return audio.grad

    alone = LOGITS.audio.clone().requires_grad_()
    cross_entropy(alone, LABEL).backward()
    assert alone.grad is not None
    for other in (LOGITS.visual, 9 * LOGITS.visual):
        torch.testing.assert_close(gradient(other), alone.grad)
