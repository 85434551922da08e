"""Runs grouped by their settings: the names that tell groups apart."""

from __future__ import annotations

from avgap.artifact import Stamp
from avgap.report.compared import ComparedRun
from avgap.report.index import CheckpointFolder, Found
from avgap.report.seedgroups import group_names


def test_a_group_is_not_named_by_default_rates_nor_twice_by_one_setting(tmp_path):
    def training(adapt_lr, loss="adaptive", **values):
        warmup = {"phase": "warmup", "loss": "joint", **values}
        adapt = {"phase": "adapt", "loss": loss, **values, "lr": adapt_lr}
        chain = [
            CheckpointFolder(
                tmp_path, Found(tmp_path, Stamp("avgap.checkpoint", "d", {}, of, {})), None
            )
            for of in (warmup, adapt)
        ]
        return ComparedRun(tmp_path, chain, "c", "test", {}, {})

    members = [
        training(2e-3, optimizer="sgd", lr=2e-3),
        training(1e-4, optimizer="adam", lr=1e-4),
        training(1e-3, optimizer="adam", lr=1e-3),
        training(1e-3, optimizer="adam", lr=1e-4),
        training(2e-3, "fused", optimizer="sgd", lr=2e-3),
    ]
    assert group_names(members) == [
        "adaptive",
        "adaptive optimizer=adam",
        "adaptive optimizer=adam lr=0.001",
        "adaptive warmup.lr=0.0001 optimizer=adam lr=0.001",
        "adaptive loss=fused",
    ]


def test_weights_by_posteriors_are_a_group_of_their_own_whichever_they_are(tmp_path):
    def adapted(fit=None, **inputs):
        values = {"phase": "adapt", "loss": "adaptive", **(fit or {})}
        stamp = Stamp("avgap.checkpoint", "d", inputs, values, {})
        return ComparedRun(
            tmp_path,
            [CheckpointFolder(tmp_path, Found(tmp_path, stamp), None)],
            "c",
            "test",
            {},
            {},
        )

    plain, one, other = adapted(), adapted(posteriors="1"), adapted(posteriors="2")
    assert one.settings == other.settings
    assert group_names([plain, one]) == ["adaptive", "adaptive posteriors=yes"]
    # What only the others have goes without saying, unless a name would then be of two groups.
    nec = adapted({"fit_components": 3, "fit_criterion": "nec"}, posteriors="1")
    assert group_names([plain, nec]) == [
        "adaptive",
        "adaptive fit_components=3 fit_criterion=nec posteriors=yes",
    ]
    default = adapted({"fit_components": 2})
    assert group_names([plain, default, nec])[:2] == [
        "adaptive fit_components=none fit_criterion=none posteriors=none",
        "adaptive fit_criterion=none posteriors=none",
    ]
