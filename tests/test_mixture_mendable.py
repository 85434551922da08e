"""Whether imbalance can be mended: two numbers from held-out scores, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from avgap.mixture.mendable import Mendable, abstaining, in_words, mendable


def test_only_samples_more_likely_imbalanced_than_not_count() -> None:
    audio = np.array([0.8, 0.5, 0.1, 0.9])
    visual = np.array([0.2, 0.5, 0.4, 0.0])
    fused = np.array([0.4, 0.5, 0.8, 0.9])
    found = mendable(audio, visual, fused, np.array([0.9, 0.1, 0.6, 0.5]), 10)
    assert found.share == 0.5  # the first and the third
    # Stronger 0.8 and 0.4, fused 0.4 and 0.8: half of one, twice the other.
    assert found.helps == pytest.approx(0)
    assert found.error == pytest.approx(math.log(2))  # ∓ log 2: s = √2 log 2, over √2
    assert found.effect == 0
    # Weaker 0.2 and 0.1 of chance 0.1.
    assert found.above_chance == pytest.approx(math.log(2) / 2)


def test_a_weaker_modality_that_spoils_the_fused_output_hurts() -> None:
    prob = np.array([0.9, 0.9])
    found = mendable(prob, prob / 90, prob / 2, np.ones(2), 10)
    assert found.helps == pytest.approx(-math.log(2))
    assert found.error == 0
    assert found.above_chance == pytest.approx(-math.log(10))
    assert in_words(found) == (
        "100 % of the samples are imbalanced; there the weaker modality hurts the fused output "
        "(-0.693 ± 0.000 nats): it had better abstain"
    )


@pytest.mark.parametrize(
    ("helps", "effect", "words"),
    [
        (-0.021, -1, "hurts the fused output (-0.021 ± 0.010 nats): it had better abstain"),
        (-0.019, 0, "neither hurts nor helps the fused output (-0.019 ± 0.010 nats): plain train"),
        (0.019, 0, "neither hurts nor helps the fused output (+0.019 ± 0.010 nats): plain train"),
        (0.021, 1, "helps the fused output (+0.021 ± 0.010 nats): plain training serves it, and"),
    ],
)
def test_an_effect_is_one_beyond_two_standard_errors(helps, effect, words) -> None:
    found = Mendable(0.5, helps, 0.01, 0.8)
    assert found.effect == effect
    assert words in in_words(found)


def test_a_score_of_zero_is_no_infinity() -> None:
    found = mendable(np.ones(1), np.zeros(1), np.zeros(1), np.ones(1), 10)
    assert found.helps == pytest.approx(math.log(1e-8))
    assert found.above_chance == pytest.approx(math.log(1e-7))
    assert found.effect == 0  # of one sample no error is known


def test_without_imbalanced_samples_there_is_nothing_to_mend() -> None:
    half = np.full(3, 0.5)
    found = mendable(half, half, half, np.zeros(3), 10)
    assert found.share == 0
    assert math.isnan(found.helps)
    assert found.effect == 0
    assert math.isnan(found.above_chance)
    assert in_words(found) == "no sample is more likely imbalanced than not"


@pytest.mark.parametrize(
    ("helps", "who"),
    [
        (-0.1, [True, False, True]),
        (-0.01, [False] * 3),
        (0.1, [False] * 3),
        (math.nan, [False] * 3),
    ],
)
def test_the_set_decides_whether_anybody_abstains_and_the_sample_whether_it_does(
    helps: float, who: list[bool]
) -> None:
    # Chance is 1/4; the weaker has 0.2, 0.3 and 0.1.
    audio, visual = np.array([0.9, 0.3, 0.1]), np.array([0.2, 0.8, 0.1])
    assert abstaining(audio, visual, Mendable(0.5, helps, 0.01, 0.0), 4).tolist() == who
