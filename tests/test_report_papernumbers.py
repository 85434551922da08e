"""The paper's numbers stand beside the settings that they are of, and no others."""

from __future__ import annotations

from avgap.report.papernumbers import paper_accuracy

FULL = {
    "alpha": 1.0, "beta": 1.0, "gamma": 1.0, "weights": "posterior", "optimizer": "sgd",
    "keep_optimizer": False, "pull": "both", "keep_unimodal": False,
}  # fmt: skip


def test_the_adaptive_loss_is_known_by_its_settings():
    assert paper_accuracy("cremad", "adaptive", FULL) == 80.65
    assert paper_accuracy("ave", "adaptive", FULL | {"alpha": 0.0}) == 63.93
    both = {"optimizer": "adam", "keep_optimizer": True}
    assert paper_accuracy("cremad", "adaptive", FULL | both) == 75.67
    for other in ({"pull": "weaker"}, {"loss": "joint"}, {"posteriors": True}):
        assert paper_accuracy("cremad", "adaptive", FULL | other) is None


def test_other_data_and_methods_have_no_number():
    assert paper_accuracy("avdigits", "adaptive", FULL) is None
    assert paper_accuracy("ave", "mla", {}) is None
    assert paper_accuracy("cremad", "mla", {}) == 79.70
