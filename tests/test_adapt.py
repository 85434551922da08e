"""Algorithm 1, phase 2: by hand = by machine, broken = unbroken, clear warnings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from calling import SMALL, START, call, fails
from conftest import make_cache

from avgap.adapt import adapt
from avgap.artifact import Stamp, read_stamp
from avgap.artifact.checkpoint import Checkpoint, read_checkpoint
from avgap.artifact.gaps import read_gaps, write_gaps
from avgap.artifact.gmm import mixture_digest, read_mixture
from avgap.data.cache.reader import open_cache
from avgap.errors import InputError, OutputError, UsageError
from avgap.fitgmm import fitgmm
from avgap.gaps import gaps
from avgap.mixture.mendable import in_words
from avgap.mixture.model import Mixture
from avgap.settings import PRESETS, Adaptive, Fit, Network, Training
from avgap.training.folder import Folder
from avgap.training.posteriors import read_posteriors
from avgap.warmup import warmup


@pytest.fixture
def start(cache: Path, tmp_path: Path) -> Path:
    settings = Training(epochs=3, batch_size=16, optimizer="adam", lr=3e-3, seed=5)
    network = Network("small", "small")
    return warmup(cache, tmp_path / "warmup", loss="joint", network=network, settings=settings).path


def run(cache: Path, start: Path, folder: Path, gmm: Path | None = None, **changes: Any) -> Path:
    posteriors = changes.pop("posteriors", None)
    loop = {name: changes.pop(name) for name in ("optimizer", "lr", "seed") if name in changes}
    force, fit = changes.pop("force", False), Fit(changes.pop("components", 2))
    settings = Adaptive(**{"steps": 3, "epochs": 2, **changes})
    done = adapt(
        cache,
        start,
        folder,
        settings=settings,
        changes=loop,
        posteriors=posteriors,
        gmm=gmm,
        fit=fit,
        force=force,
    )
    return done.path


def by_hand(cache: Path, start: Path, folder: Path, steps: int, **changes: Any) -> Path:
    for step in range(1, steps + 1):
        measured, mixture = folder / f"gaps-{step}.h5", folder / f"gmm-{step}.json"
        gaps(cache, start, measured)
        fitgmm(measured, mixture, Fit(changes.get("components", 2)))
        start = run(cache, start, folder / f"adapt-{step}", mixture, steps=1, **changes)
    return start


def assert_same(one: Checkpoint, other: Checkpoint) -> None:
    assert one.model.keys() == other.model.keys()
    assert all(torch.equal(one.model[name], other.model[name]) for name in one.model)
    assert one.stamp.digest == other.stamp.digest


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_three_steps_by_hand_equal_three_steps_by_machine_bit_for_bit(
    cache: Path, start: Path, tmp_path: Path, optimizer: str
) -> None:
    machine = run(cache, start, tmp_path / "machine", optimizer=optimizer)
    hand = by_hand(cache, start, tmp_path / "hand", 3, optimizer=optimizer)
    assert_same(read_checkpoint(machine), read_checkpoint(hand))
    # The gaps and mixtures on the way are the same artifacts, too.
    for step in (1, 2, 3):
        for name, folder in (("gaps.h5", "gaps-{}.h5"), ("gmm.json", "gmm-{}.json")):
            one = read_stamp(tmp_path / "machine" / f"step-0{step}" / name)
            other = read_stamp(tmp_path / "hand" / folder.format(step))
            assert (one.digest, one.inputs) == (other.digest, other.inputs)


@pytest.mark.parametrize("epochs_done", [1, 2, 3, 5])
def test_a_run_broken_in_or_between_steps_ends_with_the_weights_of_an_unbroken_one(
    cache: Path, start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epochs_done: int
) -> None:
    whole = run(cache, start, tmp_path / "whole")
    saved = Folder.save

    def save_and_die(self: Folder, state: Any, **rest: Any) -> None:
        saved(self, state, **rest)
        if len(state.history) == epochs_done:
            raise KeyboardInterrupt

    monkeypatch.setattr(Folder, "save", save_and_die)
    with pytest.raises(KeyboardInterrupt):
        run(cache, start, tmp_path / "broken")
    monkeypatch.setattr(Folder, "save", saved)
    assert_same(read_checkpoint(whole), read_checkpoint(run(cache, start, tmp_path / "broken")))


def test_the_optimizer_starts_afresh_unless_it_is_to_be_kept(
    cache: Path, start: Path, tmp_path: Path
) -> None:
    def adam_steps(path: Path) -> float:
        return float(read_checkpoint(path).optimizer["state"][0]["step"])

    fresh = run(cache, start, tmp_path / "fresh", steps=1, epochs=1)
    kept = run(cache, start, tmp_path / "kept", steps=1, epochs=1, keep_optimizer=True)
    # 60 samples in batches of 16 are 4 steps an epoch; the warm-up had 3 epochs.
    assert (adam_steps(fresh), adam_steps(kept)) == (4, 16)


def test_settings_of_the_loop_are_those_of_the_warm_up_unless_given(
    cache: Path, start: Path, tmp_path: Path
) -> None:
    same = read_stamp(run(cache, start, tmp_path / "same", steps=1, epochs=1)).parameters
    assert (same["optimizer"], same["lr"], same["seed"], same["batch_size"]) == (
        "adam",
        3e-3,
        5,
        16,
    )
    other = read_stamp(run(cache, start, tmp_path / "other", steps=1, epochs=1, optimizer="sgd"))
    assert (other.parameters["optimizer"], other.parameters["lr"]) == ("sgd", 2e-3)


def test_a_network_of_one_modality_has_no_gap_to_adapt(work: Path) -> None:
    line = ["baseline", "audio-only", "cache.h5", "-o", "alone", "--epochs", "1", *SMALL]
    assert call(*line).exit_code == 0
    told = fails(3, "adapt", "cache.h5", "-c", "alone/checkpoint.pt", "-o", "adapted")
    assert "alone/checkpoint.pt has one modality, and so no gap between two" in told
    assert not Path("adapted").exists()


def test_another_cache_than_the_warm_ups_is_told(
    cache: Path, start: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(cache, start, tmp_path / "same", steps=1, epochs=1)
    assert "another cache" not in capsys.readouterr().err
    other = make_cache(tmp_path / "other.h5", seed=7)
    run(other, start, tmp_path / "other", steps=1, epochs=1)
    assert "was trained on another cache than" in capsys.readouterr().err


def test_anothers_optimizer_state_cannot_be_kept(cache: Path, start: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot continue adam's state with sgd"):
        run(cache, start, tmp_path / "a", optimizer="sgd", keep_optimizer=True)


def test_annealing_counts_epochs_over_the_whole_adaptive_phase(
    cache: Path, start: Path, tmp_path: Path
) -> None:
    # With λ = 0 from the second epoch on, only the classification term is left in the loss.
    history = read_checkpoint(run(cache, start, tmp_path / "a", anneal=0.0, steps=2)).history
    terms = [(line["loss"], line["terms"]) for line in history]
    assert terms[0][0] > terms[0][1]["classification"] + 1e-6
    for loss, parts in terms[1:]:
        assert loss == pytest.approx(parts["classification"], rel=1e-5)


def test_zero_is_a_setting(cache: Path, start: Path, tmp_path: Path) -> None:
    history = read_checkpoint(
        run(cache, start, tmp_path / "a", alpha=0.0, beta=0.0, gamma=0.0, steps=1, epochs=1)
    ).history
    assert history[0]["loss"] == 0


def test_a_mixture_that_calls_most_samples_imbalanced_brings_a_warning(
    cache: Path, start: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gaps(cache, start, tmp_path / "gaps.h5")
    fitgmm(tmp_path / "gaps.h5", tmp_path / "gmm.json")
    content = json.loads((tmp_path / "gmm.json").read_text())
    content["components"] = {
        "balanced": {"weight": 0.3, "mean": 0.0, "variance": 0.01},
        "imbalanced": {"weight": 0.7, "mean": 0.5, "variance": 0.01, "dominant": "audio"},
    }
    content["digest"] = mixture_digest(Mixture.from_dict(content["components"], "gmm.json"))
    (tmp_path / "gmm.json").write_text(json.dumps(content))
    capsys.readouterr()
    run(cache, start, tmp_path / "a", tmp_path / "gmm.json", epochs=1)
    text = capsys.readouterr().err
    assert "warning: the mixture calls 70 % of the training samples imbalanced" in text
    assert "Try a longer warm-up (warmup --epochs), --preset kept or --weights uniform" in text
    run(cache, start, tmp_path / "b", tmp_path / "gmm.json", epochs=1, weights="uniform")
    run(cache, start, tmp_path / "c", tmp_path / "gmm.json", epochs=1, keep_unimodal=True)
    assert "calls 70 %" not in capsys.readouterr().err


# ---------------------------------------------------------------- the family of the loss


@pytest.mark.parametrize(
    "options",
    [
        {"pull": "weaker", "keep_unimodal": True},
        {"unsupported": "balanced"},
        {"weights": "uniform", "pull": "weaker"},
        {"components": 3},
        {"components": "auto"},
        *({"loss": loss} for loss in ("abstain", "push", "spare", "distill")),
    ],
)
def test_every_member_of_the_family_is_the_same_by_hand_and_by_machine(
    cache: Path, start: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    machine = run(cache, start, tmp_path / "machine", steps=2, **options)
    hand = by_hand(cache, start, tmp_path / "hand", 2, **options)
    assert_same(read_checkpoint(machine), read_checkpoint(hand))


@pytest.mark.parametrize("loss", ["joint", "fused"])
def test_a_control_goes_through_the_same_rounds_with_another_loss(
    cache: Path, start: Path, tmp_path: Path, loss: str
) -> None:
    whole = read_checkpoint(run(cache, start, tmp_path / "whole", steps=2, loss=loss))
    first = run(cache, start, tmp_path / "first", steps=1, loss=loss)
    assert_same(whole, read_checkpoint(run(cache, first, tmp_path / "then", steps=1, loss=loss)))
    names = {"joint": {"fused", "audio", "visual"}, "fused": {"fused"}}[loss]
    assert all(set(line["terms"]) == names for line in whole.history)
    assert (tmp_path / "whole" / "step-02" / "gmm.json").exists()


# ---------------------------------------------------------------- weights from held-out gaps


@pytest.fixture
def held_out(cache: Path, tmp_path: Path) -> Path:
    """Gaps of the training split by anybody, in another order: a third lean far."""
    rng = np.random.default_rng(0)
    gap = np.where(np.arange(60) % 3 == 0, 0.7, 0.0) + rng.normal(0, 0.05, 60)
    rows = [f"train-{row},{gap[row]:.6f}" for row in rng.permutation(60)]
    path = tmp_path / "held-out.csv"
    path.write_text("\n".join(["id,gap", *rows]) + "\n")
    return path


def mean_posterior(held_out: Path, gmm: Path) -> float:
    return float(read_mixture(gmm).mixture.posterior(read_gaps(held_out).gap).mean())


@pytest.mark.parametrize("loss", ["adaptive", "abstain", "push", "spare", "distill"])
def test_held_out_posteriors_weigh_the_samples_of_all_rounds(
    cache: Path, start: Path, held_out: Path, tmp_path: Path, loss: str
) -> None:
    done = read_checkpoint(run(cache, start, tmp_path / "a", posteriors=held_out, loss=loss))
    mean = mean_posterior(held_out, tmp_path / "a" / "posteriors.json")
    assert mean == pytest.approx(1 / 3, abs=0.01)
    # As often met as any, whatever the network makes of them: epoch by epoch the same mean.
    seen = [line["terms"]["imbalanced"] for line in done.history]
    assert seen == pytest.approx([mean] * 6, abs=1e-6)
    # Rounds are measured and fitted all the same, for the record.
    assert (tmp_path / "a" / "step-03" / "gmm.json").exists()
    plain = read_checkpoint(run(cache, start, tmp_path / "b", loss=loss))
    assert plain.history[0]["loss"] != done.history[0]["loss"]
    assert "posteriors" not in plain.stamp.inputs
    assert done.stamp.inputs["posteriors"] == read_gaps(held_out).digest()
    assert len(done.history) == len(plain.history) == 6


def test_their_mixture_may_be_given_and_is_then_not_fitted_again(
    cache: Path, start: Path, held_out: Path, tmp_path: Path
) -> None:
    fitgmm(held_out, tmp_path / "gmm.json")
    fitted = run(cache, start, tmp_path / "a", posteriors=held_out, steps=2)
    given = run(cache, start, tmp_path / "b", tmp_path / "gmm.json", posteriors=held_out, steps=2)
    assert_same(read_checkpoint(fitted), read_checkpoint(given))
    assert not (tmp_path / "b" / "posteriors.json").exists()
    assert set(read_stamp(given).inputs) == {"cache", "checkpoint", "posteriors", "gmm"}
    gaps(cache, start, tmp_path / "gaps.h5")
    fitgmm(tmp_path / "gaps.h5", tmp_path / "other.json")
    with pytest.raises(InputError, match=r"other\.json is a mixture of other gaps than .*held-out"):
        run(cache, start, tmp_path / "c", tmp_path / "other.json", posteriors=held_out)
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("epochs_done", [1, 2, 3])
def test_a_broken_run_with_posteriors_ends_with_the_weights_of_an_unbroken_one(
    cache: Path,
    start: Path,
    held_out: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    epochs_done: int,
) -> None:
    asked: dict[str, Any] = {"posteriors": held_out, "steps": 2, "loss": "abstain"}
    whole = run(cache, start, tmp_path / "whole", **asked)
    saved = Folder.save

    def save_and_die(self: Folder, state: Any, **rest: Any) -> None:
        saved(self, state, **rest)
        if len(state.history) == epochs_done:
            raise KeyboardInterrupt

    monkeypatch.setattr(Folder, "save", save_and_die)
    with pytest.raises(KeyboardInterrupt):
        run(cache, start, tmp_path / "broken", **asked)
    monkeypatch.setattr(Folder, "save", saved)
    assert_same(
        read_checkpoint(whole), read_checkpoint(run(cache, start, tmp_path / "broken", **asked))
    )


def test_gaps_of_clips_that_the_network_has_trained_on_are_told(
    cache: Path,
    start: Path,
    held_out: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    once: dict[str, Any] = {"steps": 1, "epochs": 1}
    run(cache, start, tmp_path / "a", posteriors=held_out, **once)
    assert "has trained on" not in capsys.readouterr().err
    gaps(cache, start, tmp_path / "gaps.h5")
    run(cache, start, tmp_path / "b", posteriors=tmp_path / "gaps.h5", **once)
    told = " ".join(capsys.readouterr().err.split())
    assert "these gaps were measured on clips that the network has trained on" in told
    assert "avgap crossfit measures on clips it has not seen" in told


def test_posteriors_without_two_groups_are_told_once(
    cache: Path, start: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "one.csv"
    gap = np.random.default_rng(0).normal(0, 0.1, 60)
    path.write_text("id,gap\n" + "".join(f"train-{i},{g:.4f}\n" for i, g in enumerate(gap)))
    run(cache, start, tmp_path / "a", posteriors=path, loss="push")
    told = " ".join(capsys.readouterr().err.split())
    assert told.count("the gaps of these posteriors show no two groups, and --loss push") == 1
    asked = {"posteriors": path, "loss": "push", "unsupported": "balanced"}
    balanced = read_checkpoint(run(cache, start, tmp_path / "b", **asked))
    assert "all rounds take every sample as balanced" in capsys.readouterr().err
    assert [line["weights"] for line in balanced.history] == ["balanced"] * 6
    joint = read_checkpoint(run(cache, start, tmp_path / "c", loss="joint"))
    assert balanced.history[0]["loss"] == pytest.approx(joint.history[0]["loss"], rel=1e-5)


def test_mend_says_what_it_found_and_does_it(
    cache: Path, start: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gaps(cache, start, tmp_path / "gaps.h5", logits=True)
    table = tmp_path / "gaps.h5"
    done = read_checkpoint(run(cache, start, tmp_path / "a", posteriors=table, loss="mend"))
    told = " ".join(capsys.readouterr().err.split())
    posteriors = read_posteriors(table, open_cache(cache))
    found = posteriors.mendable(read_mixture(tmp_path / "a" / "posteriors.json").mixture)
    assert told.count(in_words(found)) == 1
    assert 0 < found.share < 1
    undecided = [line["terms"].get("undecided", 0) for line in done.history]
    assert all(value > 0 for value in undecided) == (found.effect < 0)
    gaps(cache, start, tmp_path / "bare.h5")
    with pytest.raises(InputError, match=r"bare\.h5 has no logits"):
        run(cache, start, tmp_path / "b", posteriors=tmp_path / "bare.h5", loss="mend")
    with pytest.raises(UsageError, match="--loss mend decides by held-out scores"):
        run(cache, start, tmp_path / "b", loss="mend")
    assert not (tmp_path / "b").exists()


def test_where_nobody_abstains_the_best_preset_is_plain_training_to_the_bit(
    cache: Path, start: Path, tmp_path: Path
) -> None:
    plain = Training(epochs=5, batch_size=16, optimizer="adam", lr=3e-3, seed=5)
    network = Network("small", "small")
    whole = warmup(cache, tmp_path / "plain", loss="joint", network=network, settings=plain).path
    # The fused score is the stronger's: nobody is hurt.
    table = gaps(cache, start, tmp_path / "gaps.h5", logits=True).table
    assert table.label is not None
    prob = np.where(table.gap > 0.4, 0.9, 0.5)
    logits = np.full((len(table), 3), 0.0)
    logits[np.arange(len(table)), table.label] = np.log(2 * prob / (1 - prob))
    made = replace(
        table, stamp=None, audio_prob=prob, visual_prob=prob - table.gap.clip(0, 0.4),
        gap=table.gap.clip(0, 0.4), fused_logits=logits, audio_logits=None, visual_logits=None,
    )  # fmt: skip
    stamp = Stamp("avgap.gaps", made.digest(), dict(table.stamp.inputs), {}, {})
    write_gaps(tmp_path / "made.h5", replace(made, stamp=stamp))
    asked = {**PRESETS["best"], "steps": 1, "epochs": 2, "posteriors": tmp_path / "made.h5"}
    done = read_checkpoint(run(cache, start, tmp_path / "a", **asked))
    other = read_checkpoint(whole)
    assert all(torch.equal(done.model[name], other.model[name]) for name in other.model)


def test_who_abstains_forgets_and_who_is_pushed_learns(
    cache: Path, start: Path, held_out: Path, tmp_path: Path
) -> None:
    # Of the samples that lean, the visual is the weaker; the others are taught alike.
    rows = np.arange(60) % 3 == 0
    visual = {}
    for loss in ("abstain", "push"):
        asked = {"posteriors": held_out, "loss": loss, "steps": 1, "epochs": 8}
        table = gaps(cache, run(cache, start, tmp_path / loss, **asked), tmp_path / f"{loss}.h5")
        assert table.table.visual_prob is not None
        visual[loss] = table.table.visual_prob[rows].mean()
    assert visual["abstain"] < visual["push"] - 0.1


def test_posteriors_on_the_command_line(work: Path) -> None:
    assert call("gaps", *START, "-o", "g.csv").exit_code == 0
    line = ["adapt", *START, "--steps", "2", "--epochs", "1", "--posteriors", "g.csv"]
    assert call(*line, "-o", "a").exit_code == 0
    assert read_stamp(Path("a/checkpoint.pt")).hints["posteriors"] == "../g.csv"
    assert "\nup to date: a/checkpoint.pt\n" in call(*line, "-o", "a").stderr
    assert read_stamp(Path("a/posteriors.json")).parameters["criterion"] == "nec"
    assert call(*line, "-o", "l", "--criterion", "likelihood").exit_code == 0
    assert "criterion" not in read_stamp(Path("l/posteriors.json")).parameters
    assert call("fitgmm", "g.csv", "-o", "g.json").exit_code == 0
    # With posteriors a mixture is theirs, and no round.
    assert call(*line, "-o", "b", "--gmm", "g.json", "--loss", "push").exit_code == 0
    parameters = read_stamp(Path("b/checkpoint.pt")).parameters
    assert (parameters["steps"], parameters["loss"]) == (2, "push")
    told = fails(2, *line, "-o", "c", "--weights", "uniform")
    assert told == "error: --weights uniform looks at no --posteriors: choose one\n"
    told = fails(2, *line, "-o", "c", "--loss", "joint")
    assert told == "error: --loss joint has no --posteriors\n  try: --loss adaptive\n"
    told = fails(2, "adapt", *START, "-o", "c", "--loss", "push", "--gamma", "2")
    assert told == "error: --loss push has no --gamma\n  try: --loss adaptive\n"
    told = fails(2, "adapt", *START, "-o", "c", "--loss", "mend")
    assert told == (
        "error: --loss mend decides by held-out scores\n"
        "  try: --posteriors GAPS, of avgap crossfit\n"
    )
    told = fails(2, "adapt", *START, "-o", "c", "--preset", "best")
    assert told.startswith("error: --preset best decides by held-out scores\n")
    told = fails(2, *line, "-o", "c", "--preset", "best", "--gamma", "2")
    assert told == "error: --preset best has no --gamma\n  try: --preset paper\n"
    assert not Path("c").exists()
    # One question, by either name.
    assert call("gaps", *START, "-o", "g.h5", "--logits").exit_code == 0
    line = ["adapt", *START, "--steps", "1", "--epochs", "1", "--posteriors", "g.h5", "-o", "m"]
    assert call(*line, "--preset", "best").exit_code == 0
    assert read_stamp(Path("m/checkpoint.pt")).parameters["loss"] == "mend"
    same = [*line, "--loss", "mend", "--keep-optimizer"]
    assert "up to date: m/checkpoint.pt" in call(*same).stderr


def test_only_a_sum_can_be_kept_from_one_modality(work: Path) -> None:
    line = ["baseline", "greedy", "cache.h5", "-o", "other", "--epochs", "1", *SMALL]
    assert call(*line).exit_code == 0
    adapted = ["adapt", "cache.h5", "-c", "other/checkpoint.pt", "--steps", "1", "--epochs", "1"]
    told = fails(3, *adapted, "-o", "a", "--loss", "abstain")
    assert "--loss abstain needs a network that fuses by the sum of both modalities' logits" in told
    assert call(*adapted, "-o", "a", "--loss", "push").exit_code == 0


def scores(cache: Path, checkpoint: Path, folder: Path) -> tuple[float, float]:
    """Means over the samples of the stronger and of the weaker modality's true-class score."""
    table = gaps(cache, checkpoint, folder / "scores.h5", force=True).table
    assert table.audio_prob is not None
    assert table.visual_prob is not None
    pair = np.stack([table.audio_prob, table.visual_prob])
    return float(pair.max(axis=0).mean()), float(pair.min(axis=0).mean())


def test_a_gap_that_pulls_the_weaker_alone_spares_the_stronger(
    cache: Path, start: Path, tmp_path: Path
) -> None:
    # The gap's penalty alone: nothing else holds the stronger modality up.
    only = {"alpha": 0.0, "gamma": 0.0, "steps": 1, "epochs": 5}
    strong, weak = scores(cache, start, tmp_path)
    both = scores(cache, run(cache, start, tmp_path / "both", **only), tmp_path)
    weaker = scores(cache, run(cache, start, tmp_path / "weaker", pull="weaker", **only), tmp_path)
    assert both[0] < strong - 0.05
    assert weaker[0] > strong
    assert weaker[1] > weak
    assert weaker[0] - weaker[1] < strong - weak


def test_kept_unimodal_terms_go_on_training_both_modalities(
    cache: Path, start: Path, tmp_path: Path
) -> None:
    nothing = {"alpha": 0.0, "beta": 0.0, "gamma": 0.0, "steps": 1, "epochs": 3}
    last = read_checkpoint(run(cache, start, tmp_path / "a", keep_unimodal=True, **nothing))
    terms = [line["terms"] for line in last.history]
    for name in ("audio", "visual"):
        assert terms[2][name] < 0.9 * terms[0][name]
    assert last.history[2]["loss"] == pytest.approx(terms[2]["audio"] + terms[2]["visual"])


def judged(cache: Path, start: Path, folder: Path, *, supported: bool) -> Path:
    """A mixture of the start's gaps whose file says whether it is supported."""
    gaps(cache, start, folder / "gaps.h5")
    fitgmm(folder / "gaps.h5", folder / "gmm.json", force=True)
    content = json.loads((folder / "gmm.json").read_text())
    content["diagnostics"]["supported"] = supported
    del content["checksum"]
    (folder / "gmm.json").write_text(json.dumps(content))
    return folder / "gmm.json"


def test_a_round_without_two_groups_is_taken_as_balanced_where_asked(
    cache: Path, start: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gmm = judged(cache, start, tmp_path, supported=False)
    asked = read_checkpoint(run(cache, start, tmp_path / "a", gmm, unsupported="balanced"))
    assert "this round takes every sample as balanced" in capsys.readouterr().err
    assert [line["weights"] for line in asked.history] == ["balanced", "balanced"]
    assert [line["terms"]["imbalanced"] for line in asked.history] == [0, 0]
    assert asked.stamp.parameters["unsupported"] == "balanced"
    kept = read_checkpoint(run(cache, start, tmp_path / "b", gmm))
    assert "warning: the gaps of this round show no two groups" in capsys.readouterr().err
    assert [line["weights"] for line in kept.history] == ["posterior", "posterior"]
    assert kept.history[0]["terms"]["imbalanced"] > 0
    # Without penalties the balanced round is plain training with L_MM.
    plain = run(cache, start, tmp_path / "c", gmm, unsupported="balanced", beta=0.0)
    fused = run(cache, start, tmp_path / "d", steps=1, loss="fused")
    one, other = read_checkpoint(plain).model, read_checkpoint(fused).model
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=1e-3, atol=1e-4)


def test_a_round_with_two_groups_is_weighted_whatever_is_asked_for_the_others(
    cache: Path, start: Path, tmp_path: Path
) -> None:
    gmm = judged(cache, start, tmp_path, supported=True)
    kept, asked = (
        read_checkpoint(run(cache, start, tmp_path / unsupported, gmm, unsupported=unsupported))
        for unsupported in ("keep", "balanced")
    )
    assert_same(kept, asked)
    assert [line["weights"] for line in asked.history] == ["posterior", "posterior"]


def test_presets_name_settings_and_the_paper_is_the_default() -> None:
    assert set(PRESETS) == {"paper", "kept", "best"}
    assert Adaptive(**PRESETS["best"]) == Adaptive(loss="mend", keep_optimizer=True)
    assert Adaptive(**PRESETS["paper"]) == Adaptive()
    assert Adaptive(**PRESETS["kept"]) == Adaptive(gamma=0.1, pull="weaker", keep_unimodal=True)


def test_a_preset_is_recorded_as_the_settings_that_it_stands_for(work: Path) -> None:
    line = ["adapt", *START, "--steps", "1", "--epochs", "1"]
    assert call(*line, "-o", "best", "--preset", "kept").exit_code == 0
    parameters = read_stamp(Path("best/checkpoint.pt")).parameters
    assert (parameters["pull"], parameters["keep_unimodal"]) == ("weaker", True)
    assert parameters["gamma"] == 0.1
    assert "preset" not in parameters
    same = call(*line, "-o", "best", "--pull", "weaker", "--keep-unimodal", "--gamma", "0.1")
    assert same.stderr.startswith("up to date: best/checkpoint.pt\n")
    assert call(*line, "-o", "less", "--preset", "kept", "--no-keep-unimodal").exit_code == 0
    parameters = read_stamp(Path("less/checkpoint.pt")).parameters
    assert (parameters["pull"], parameters["keep_unimodal"]) == ("weaker", False)


@pytest.mark.parametrize(("components", "roles"), [("2", 2), ("3", 3)])
def test_the_components_of_every_round_are_those_asked_for(
    work: Path, components: str, roles: int
) -> None:
    line = ["adapt", *START, "--steps", "2", "--epochs", "1", "-o", "a", "--components", components]
    assert call(*line).exit_code == 0
    for step in (1, 2):
        assert len(json.loads(Path(f"a/step-0{step}/gmm.json").read_text())["components"]) == roles
    parameters = read_stamp(Path("a/checkpoint.pt")).parameters
    assert parameters["fit_components"] == roles
    assert "fit_bootstrap" not in parameters  # no round bootstraps
    given = ["adapt", *START, "-o", "b", "--gmm", "run/gmm.json"]
    text = fails(2, *given, "--criterion", "nec")
    assert text == "error: --gmm is a mixture already, --criterion fits one: choose one\n"
    text = fails(2, *given, "--components", components)
    assert text == "error: --gmm is a mixture already, --components fits one: choose one\n"


def test_a_control_has_none_of_the_settings_of_equation_10(work: Path) -> None:
    text = fails(
        2, "adapt", *START, "-o", "a", "--loss", "fused", "--beta", "2", "--preset", "kept"
    )
    assert text == "error: --loss fused has no --preset, --beta\n  try: --loss adaptive\n"


def test_a_mixture_of_another_cache_is_refused_with_both_sides(
    cache: Path, start: Path, tmp_path: Path
) -> None:
    other = make_cache(tmp_path / "other.h5", seed=1)
    gaps(other, start, tmp_path / "gaps.h5")
    fitgmm(tmp_path / "gaps.h5", tmp_path / "gmm.json")
    theirs, ours = read_stamp(other).digest[:6], read_stamp(cache).digest[:6]
    with pytest.raises(InputError) as caught:
        run(cache, start, tmp_path / "a", tmp_path / "gmm.json")
    assert str(caught.value) == "\n".join(
        [
            f"{tmp_path}/gmm.json was fitted on gaps of another cache",
            f"  gmm.json  gaps of cache {theirs}… (60 samples)",
            f"  cache.h5  cache {ours}… (test, 60 training samples)",
            f"  try: avgap gaps {cache} -c CHECKPOINT -o gaps.h5, then avgap fitgmm gaps.h5",
        ]
    )
    assert not (tmp_path / "a").exists()


def test_another_question_over_a_run_is_refused(cache: Path, start: Path, tmp_path: Path) -> None:
    run(cache, start, tmp_path / "a", steps=1, epochs=1)
    with pytest.raises(OutputError, match=r"alpha: 1.0 there, 0.0 asked for"):
        run(cache, start, tmp_path / "a", steps=1, epochs=1, alpha=0.0)
    run(cache, start, tmp_path / "a", steps=1, epochs=1, alpha=0.0, force=True)
    assert read_stamp(tmp_path / "a" / "checkpoint.pt").parameters["alpha"] == 0.0
