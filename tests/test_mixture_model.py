"""The mixture as mathematics: Eq. 8, Eq. 9, the roles, and what a bad file says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import trapezoid
from sklearn.mixture import GaussianMixture

from avgap.errors import InputError
from avgap.mixture.model import Component, Mixture

PAPER = Mixture(Component(0.857, 0.0056, 0.0121), Component(0.143, 0.6966, 0.0138))


def test_density_of_a_component_at_its_mean_is_weight_over_sigma_root_two_pi():
    assert Component(0.5, 0.2, 0.04).density(0.2) == pytest.approx(
        0.5 / (0.2 * math.sqrt(2 * math.pi))
    )


def test_equal_components_have_even_odds_half_way_and_the_odds_of_a_step_elsewhere():
    mixture = Mixture(Component(0.5, 0.0, 0.01), Component(0.5, 0.6, 0.01))
    assert mixture.posterior([0.3])[0] == pytest.approx(0.5)
    # ((0.4 − 0)² − (0.4 − 0.6)²) / (2 · 0.01) = (0.16 − 0.04) / 0.02 = 6
    assert mixture.log_odds(0.4) == pytest.approx(6.0)
    assert mixture.posterior([0.4])[0] == pytest.approx(1 / (1 + math.exp(-6)))


def test_weights_shift_the_log_odds_by_their_log_ratio():
    mixture = Mixture(Component(0.8, 0.0, 0.01), Component(0.2, 0.6, 0.01))
    assert mixture.log_odds(0.3) == pytest.approx(math.log(0.2 / 0.8))


def test_posterior_equals_scikit_learns():
    g = np.linspace(-1, 1, 201)
    model = GaussianMixture(2)
    model.weights_ = np.array([PAPER.balanced.weight, PAPER.imbalanced.weight])
    model.means_ = np.array([[PAPER.balanced.mean], [PAPER.imbalanced.mean]])
    model.covariances_ = np.array([[[PAPER.balanced.variance]], [[PAPER.imbalanced.variance]]])
    model.precisions_cholesky_ = 1 / np.sqrt(model.covariances_)
    expected = model.predict_proba(g[:, None])[:, 1]
    np.testing.assert_allclose(PAPER.posterior(g), expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(PAPER.density(g), np.exp(model.score_samples(g[:, None])), rtol=1e-9)


def test_posterior_is_the_same_in_numpy_and_in_torch():
    torch = pytest.importorskip("torch")
    g = np.linspace(-1, 1, 41)
    tensor = torch.from_numpy(g)
    np.testing.assert_allclose(
        torch.sigmoid(PAPER.log_odds(tensor)).numpy(), PAPER.posterior(g), rtol=1e-12, atol=1e-15
    )


def test_density_integrates_to_one():
    g = np.linspace(-3, 3, 60001)
    assert trapezoid(PAPER.density(g), g) == pytest.approx(1, abs=1e-9)


def test_a_sharp_peak_gives_finite_posteriors_everywhere():
    sharp = Mixture(Component(0.999, 0.0, 1e-6), Component(0.001, 0.9, 1e-6))
    posterior = sharp.posterior(np.linspace(-1, 1, 2001))
    assert np.isfinite(posterior).all()
    assert posterior.min() == 0
    assert posterior.max() == 1


def test_balanced_is_the_component_of_smaller_second_moment_in_either_order():
    narrow, far = Component(0.857, 0.0056, 0.0121), Component(0.143, 0.6966, 0.0138)
    assert Mixture.of(far, narrow) == Mixture.of(narrow, far) == PAPER


def test_the_wide_component_of_two_sided_gaps_is_imbalanced_though_its_mean_is_nearer_zero():
    wide, narrow = Component(0.4, 0.001, 0.3), Component(0.6, 0.02, 0.01)
    assert Mixture.of(wide, narrow).balanced == narrow


def test_dominant_says_on_which_side_the_imbalanced_component_lies():
    assert PAPER.dominant == "audio"
    assert Mixture(Component(0.9, 0.0, 0.01), Component(0.1, -0.5, 0.01)).dominant == "visual"


def test_separation_is_the_distance_in_pooled_standard_deviations():
    mixture = Mixture(Component(0.5, 0.0, 0.03), Component(0.5, 0.6, 0.05))
    assert mixture.separation == pytest.approx(0.6 / 0.2)  # √((0.03 + 0.05) / 2) = 0.2


def test_samples_have_the_moments_of_the_mixture():
    g = PAPER.sample(200_000, np.random.default_rng(0))
    mean = 0.857 * 0.0056 + 0.143 * 0.6966
    second = 0.857 * (0.0056**2 + 0.0121) + 0.143 * (0.6966**2 + 0.0138)
    assert g.mean() == pytest.approx(mean, abs=0.003)
    assert (g**2).mean() == pytest.approx(second, abs=0.003)


def test_a_mixture_survives_its_json():
    assert PAPER.as_dict()["imbalanced"]["dominant"] == "audio"
    assert Mixture.from_dict(PAPER.as_dict(), "gmm.json") == PAPER


def test_all_problems_of_a_bad_mixture_are_told_at_once():
    bad = {
        "balanced": {"weight": 0.9, "mean": math.nan, "variance": 0},
        "imbalanced": {"weight": "x", "mean": 0.5, "variance": 0.01},
    }
    with pytest.raises(InputError) as caught:
        Mixture.from_dict(bad, "gmm.json")
    assert str(caught.value) == (
        "gmm.json is not a usable mixture\n"
        "  balanced: mean is nan, not a finite number\n"
        "  balanced: variance is 0, not above zero\n"
        "  imbalanced: weight is 'x', not a finite number\n"
        "  try: fit it again with avgap fitgmm"
    )


def test_weights_that_do_not_sum_to_one_are_refused():
    components = PAPER.as_dict()
    components["balanced"]["weight"] = 0.5
    with pytest.raises(InputError, match=r"gmm\.json is not a usable mixture") as caught:
        Mixture.from_dict(components, "gmm.json")
    assert caught.value.details == ("the weights sum to 0.643, not to 1",)


@pytest.mark.parametrize(
    "components", [None, [], {}, {"imbalanced": {}}, {"a": {}, "b": {}}, {"balanced": {}, "x": {}}]
)
def test_anything_but_named_components_is_refused(components):
    with pytest.raises(InputError) as caught:
        Mixture.from_dict(components, "x.json")
    assert caught.value.details[0].startswith(
        "components are balanced; balanced and imbalanced; "
        "balanced and audio_dominant and visual_dominant; it has: "
    )


# ---------------------------------------------------------------- one component and three

THREE = Mixture(
    Component(0.7, 0.0, 0.01),
    audio_dominant=Component(0.2, 0.6, 0.02),
    visual_dominant=Component(0.1, -0.5, 0.03),
)
ONE = Mixture(Component(1.0, 0.1, 0.04))


def test_three_components_are_named_by_the_side_of_their_means():
    narrow, right, left = THREE.components.values()
    assert Mixture.of(left, right, narrow) == Mixture.of(right, narrow, left) == THREE
    assert list(THREE.leaning) == ["audio_dominant", "visual_dominant"]


def test_two_leaning_components_on_one_side_are_named_by_the_order_of_their_means():
    far = Component(0.2, 0.8, 0.01)
    mixture = Mixture.of(THREE.balanced, Component(0.1, 0.4, 0.01), far)
    assert mixture.audio_dominant == far
    assert mixture.visual_dominant.mean == 0.4


def test_the_posterior_of_three_is_the_sum_of_both_dominant_ones_in_numpy_and_in_torch():
    torch = pytest.importorskip("torch")
    g = np.linspace(-1, 1, 41)
    parts = THREE.posteriors(g)
    np.testing.assert_allclose(sum(parts.values()), 1, rtol=1e-12)
    together = parts["audio_dominant"] + parts["visual_dominant"]
    np.testing.assert_allclose(THREE.posterior(g), together, rtol=1e-9, atol=1e-15)
    in_torch = torch.sigmoid(THREE.log_odds(torch.from_numpy(g))).numpy()
    np.testing.assert_allclose(in_torch, THREE.posterior(g), rtol=1e-12, atol=1e-15)


def test_posteriors_of_three_equal_scikit_learns():
    g = np.linspace(-1, 1, 41)
    parts = list(THREE.components.values())
    model = GaussianMixture(3)
    model.weights_ = np.array([c.weight for c in parts])
    model.means_ = np.array([[c.mean] for c in parts])
    model.covariances_ = np.array([[[c.variance]] for c in parts])
    model.precisions_cholesky_ = 1 / np.sqrt(model.covariances_)
    expected = model.predict_proba(g[:, None])
    found = np.stack(list(THREE.posteriors(g).values()), axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_weight_and_mean_of_the_imbalanced_are_those_of_all_leaning_components():
    assert THREE.imbalanced_weight == pytest.approx(0.3)
    assert THREE.imbalanced_mean == pytest.approx((0.2 * 0.6 - 0.1 * 0.5) / 0.3)
    assert (PAPER.imbalanced_weight, PAPER.imbalanced_mean) == (0.143, 0.6966)
    assert ONE.imbalanced_weight == 0
    assert math.isnan(ONE.imbalanced_mean)


def test_the_heavier_of_three_components_says_which_modality_is_dominant():
    assert THREE.dominant == "audio"
    mirrored = Mixture.of(
        *(Component(c.weight, -c.mean, c.variance) for c in THREE.components.values())
    )
    assert mirrored.dominant == "visual"


def test_of_one_component_nothing_is_imbalanced():
    torch = pytest.importorskip("torch")
    g = np.linspace(-1, 1, 5)
    assert not ONE.posterior(g).any()
    assert not torch.sigmoid(ONE.log_odds(torch.from_numpy(g))).any()
    assert list(ONE.posteriors(g)) == ["balanced"]
    assert (ONE.dominant, ONE.separation) == ("neither", 0)


def test_separation_of_three_is_that_of_the_nearest_to_the_balanced_one():
    # 0.5 / √((0.01 + 0.03) / 2) = 3.54 on the left; 0.6 / √((0.01 + 0.02) / 2) = 4.90 on the right
    assert THREE.separation == pytest.approx(3.5355, abs=1e-4)


@pytest.mark.parametrize("mixture", [ONE, PAPER, THREE])
def test_any_number_of_components_survives_json_and_integrates_to_one(mixture):
    assert Mixture.from_dict(mixture.as_dict(), "gmm.json") == mixture
    g = np.linspace(-3, 3, 60001)
    assert trapezoid(mixture.density(g), g) == pytest.approx(1, abs=1e-9)
    drawn = mixture.sample(200_000, np.random.default_rng(0))
    mean = sum(c.weight * c.mean for c in mixture.components.values())
    assert drawn.mean() == pytest.approx(mean, abs=0.003)


def test_roles_that_do_not_go_together_are_no_mixture():
    with pytest.raises(ValueError, match="no mixture has the roles balanced, audio_dominant"):
        Mixture(Component(0.5, 0, 0.1), audio_dominant=Component(0.5, 0.5, 0.1))
