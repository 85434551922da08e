"""Whether imbalance can be mended: two numbers from held-out scores, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from avgap.mixture.mendable import Mendable, cures, in_words, mendable


def test_only_samples_more_likely_imbalanced_than_not_count() -> None:
    audio = np.array([0.8, 0.5, 0.1, 0.9])
    visual = np.array([0.2, 0.5, 0.4, 0.0])
    fused = np.array([0.4, 0.5, 0.8, 0.9])
    found = mendable(audio, visual, fused, np.array([0.9, 0.1, 0.6, 0.5]), 10)
    assert found.share == 0.5  # the first and the third
    # Stronger 0.8 and 0.4, fused 0.4 and 0.8: half of one, twice the other.
    assert found.helps == pytest.approx(0)
    # Weaker 0.2 and 0.1 of chance 0.1.
    assert found.above_chance == pytest.approx(math.log(2) / 2)


def test_a_weaker_modality_that_spoils_the_fused_output_hurts() -> None:
    prob = np.array([0.9])
    found = mendable(prob, prob / 90, prob / 2, np.array([1.0]), 10)
    assert found.helps == pytest.approx(-math.log(2))
    assert found.above_chance == pytest.approx(-math.log(10))
    assert in_words(found) == (
        "100 % of the samples are imbalanced; there the weaker modality hurts the fused output "
        "(-0.69 nats): it had better abstain"
    )
    told = in_words(Mendable(0.5, 0.06, 0.8))
    assert told.endswith("helps the fused output (+0.06 nats): it had better be pushed")


def test_a_score_of_zero_is_no_infinity() -> None:
    found = mendable(np.ones(1), np.zeros(1), np.zeros(1), np.ones(1), 10)
    assert found.helps == pytest.approx(math.log(1e-8))
    assert found.above_chance == pytest.approx(math.log(1e-7))


def test_without_imbalanced_samples_there_is_nothing_to_mend() -> None:
    half = np.full(3, 0.5)
    found = mendable(half, half, half, np.zeros(3), 10)
    assert found.share == 0
    assert math.isnan(found.helps)
    assert math.isnan(found.above_chance)
    assert in_words(found) == "no sample is more likely imbalanced than not"


@pytest.mark.parametrize(
    ("helps", "cure"), [(-0.1, [-1, 0, -1]), (0.1, [0, 1, 0]), (math.nan, [0, 0, 0])]
)
def test_the_set_decides_which_cure_there_is_and_the_sample_whether_it_gets_it(
    helps: float, cure: list[int]
) -> None:
    # Chance is 1/4; the weaker has 0.2, 0.3 and 0.1.
    audio, visual = np.array([0.9, 0.3, 0.1]), np.array([0.2, 0.8, 0.1])
    assert cures(audio, visual, helps, 4).tolist() == cure
