"""Every comparison method in the real loop: it learns, acts, goes on after a kill, can be read."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from calling import SMALL, call, fails
from conftest import make_cache

from avgap.artifact.checkpoint import load_checkpoint, read_checkpoint
from avgap.baseline import baseline, listing
from avgap.cli.options import MethodName
from avgap.data.cache.reader import open_cache
from avgap.errors import InputError, OutputError, UsageError
from avgap.evaluate import evaluate
from avgap.gaps import gaps
from avgap.methods.registry import METHODS, choose, settings_of, text_of
from avgap.prepare import prepare
from avgap.settings import BASELINE_EPOCHS, Network, Running, Training

PAGE = Path(__file__).parents[1] / "docs" / "methods.md"
# Settings with which a method's mechanism is at work in the first epochs of so small a run.
SOON = {
    "g-blending": ["super_epoch=2", "held_out=0.2"],
    "greedy": ["epsilon=0", "starts=0"],
    "pmr": ["share=0.5"],
    "dr": ["interval=2"],
    "opm": ["warmup=1"],
    "opm-ogm": ["warmup=1"],
}
PICTURES = Network("small", "small")
KEEPS = {"g-blending", "greedy", "pmr", "agm", "mla", "dr"}


def run(name, cache, folder, *extra, network=PICTURES, **changes):
    values = {"epochs": 4, "batch_size": 16, "optimizer": "adam", "lr": 3e-3, **changes}
    return baseline(
        name,
        cache,
        folder,
        assignments=[*SOON.get(name, []), *extra],
        network=network,
        settings=Training(**values),
        running=Running("cpu"),
    ).path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of six epochs of every method on one cache, made when it is asked for."""
    folder = tmp_path_factory.mktemp("baselines")
    cache = make_cache(folder / "cache.h5")

    def path(name):
        return run(name, cache, folder / name, epochs=8)

    return cache, path


@pytest.mark.parametrize("name", METHODS)
def test_a_method_learns_what_the_clips_show(trained, name):
    checkpoint = read_checkpoint(trained[1](name))
    assert checkpoint.complete
    assert checkpoint.progress.phase == "baseline"
    assert checkpoint.progress.epoch == 8
    assert checkpoint.history[-1]["loss"] < 0.75 * checkpoint.history[0]["loss"]
    assert checkpoint.validation["fused"] > 0.8
    assert bool(checkpoint.state) == (name in KEEPS)


@pytest.mark.parametrize("name", METHODS)
def test_gaps_and_evaluate_read_its_checkpoint(trained, name, tmp_path):
    cache, path = trained
    checkpoint = path(name)
    metrics = evaluate(cache, checkpoint, tmp_path / "m.json", split="val").body["metrics"]
    logged = read_checkpoint(checkpoint).validation
    for modality in ("fused", "audio", "visual"):
        assert metrics[modality]["accuracy"] == pytest.approx(logged[modality])
    table = gaps(cache, checkpoint, tmp_path / "gaps.h5", split="val", logits=True).table
    split = open_cache(cache).split("val")
    model = load_checkpoint(checkpoint)
    frames = torch.from_numpy(split.visual).permute(0, 1, 4, 2, 3)
    with torch.no_grad():
        logits = model(torch.from_numpy(split.audio), frames)
    assert np.array_equal(table.fused_pred, logits.fused.argmax(dim=1).numpy())
    np.testing.assert_allclose(table.fused_logits, logits.fused.numpy(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", METHODS)
def test_a_run_that_is_killed_goes_on_to_the_weights_of_one_that_is_not(
    cache, tmp_path, monkeypatch, name
):
    from avgap.training.folder import Folder

    whole = read_checkpoint(run(name, cache, tmp_path / "whole"))
    saved = Folder.save

    def save_three_times_and_die(self, state, **rest):
        saved(self, state, **rest)
        if len(state.history) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Folder, "save", save_three_times_and_die)
    with pytest.raises(KeyboardInterrupt):
        run(name, cache, tmp_path / "broken")
    monkeypatch.setattr(Folder, "save", saved)
    again = read_checkpoint(run(name, cache, tmp_path / "broken"))
    assert again.stamp.digest == whole.stamp.digest
    assert [line["loss"] for line in again.history] == [line["loss"] for line in whole.history]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["visual-only", "pmr", "agm"])
def test_two_processes_that_share_batches_end_with_the_weights_of_one(cache, tmp_path, name, avgap):
    words = ["baseline", name, cache, "--encoder", "small", "--batch-size", 16, "--epochs", 2]
    words = [*map(str, words), "--lr", "0.02", "--device", "cpu", "--quiet"]
    assert avgap(*words, "-o", tmp_path / "one").returncode == 0
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    line = [*torchrun, "-m", "avgap", *words, "-o", str(tmp_path / "two")]
    subprocess.run(line, capture_output=True, check=True)
    one, two = (read_checkpoint(tmp_path / n / "checkpoint.pt") for n in ("one", "two"))
    for key, value in {**one.model, **one.state}.items():
        torch.testing.assert_close({**two.model, **two.state}[key], value, rtol=1e-3, atol=2e-5)


# ---------------------------------------------------------------- the mechanism, in the log


def terms(path, name):
    return [line["terms"][name] for line in read_checkpoint(path).history]


def test_ogm_slows_one_encoder_in_every_batch(trained):
    path = trained[1]("ogm-ge")
    for k_audio, k_visual in zip(terms(path, "k_audio"), terms(path, "k_visual"), strict=True):
        assert min(k_audio, k_visual) < 0.9
        assert max(k_audio, k_visual) <= 1


def test_opm_drops_after_its_warm_up_alone(trained):
    path = trained[1]("opm")
    rates = np.add(terms(path, "q_audio"), terms(path, "q_visual"))
    assert rates[0] == 0
    assert rates[1:].mean() > 0.2


def test_greedy_lets_gates_stand_still(trained):
    path = trained[1]("greedy")
    still = np.add(terms(path, "frozen_audio"), terms(path, "frozen_visual"))
    assert 0 < still.mean() < 1


def test_dr_goes_back_by_what_it_measured(trained, tmp_path):
    cache, path = trained
    measured = path("dr")
    back = np.add(terms(measured, "w_audio"), terms(measured, "w_visual"))
    assert back[:2].tolist() == [0, 0]
    assert back[2:].max() > 0
    never = run("dr", cache, tmp_path / "never", "strength=0", epochs=8)
    loss, unchanged = terms(measured, "fused"), terms(never, "fused")
    assert loss[:2] == unchanged[:2]
    assert loss[-1] != unchanged[-1]


def test_g_blending_weighs_as_it_has_measured(trained):
    path = trained[1]("g-blending")
    weights = [terms(path, f"w_{name}") for name in ("fused", "audio", "visual")]
    np.testing.assert_allclose(np.sum(weights, axis=0), 1, rtol=1e-5)
    assert all(len(set(np.round(w, 5))) == 1 for w in weights)
    assert np.ptp([w[0] for w in weights]) > 0.01
    held = read_checkpoint(path).state["weights"]
    np.testing.assert_allclose(held.numpy(), [w[0] for w in weights], rtol=1e-5)


def test_pmr_keeps_a_prototype_for_each_class(trained):
    state = read_checkpoint(trained[1]("pmr")).state
    for prototypes in (state["audio_prototypes"], state["visual_prototypes"]):
        distances = torch.cdist(prototypes, prototypes)
        assert distances[~torch.eye(3, dtype=torch.bool)].min() > 0.1


def test_agm_counts_its_steps_and_its_kappas_straddle_one(trained):
    path = trained[1]("agm")
    assert read_checkpoint(path).state["steps"].item() == 8 * 4
    assert max(terms(path, "kappa_audio") + terms(path, "kappa_visual")) > 1
    assert min(terms(path, "kappa_audio") + terms(path, "kappa_visual")) < 1


def test_mla_projects_by_a_matrix_that_two_updates_of_a_batch_have_made(trained):
    state = read_checkpoint(trained[1]("mla")).state
    assert state["updates"].item() == 2 * 8 * 4
    assert state["seen"].item() == state["samples"].item() == 60
    assert state["projection"].norm().item() == pytest.approx(1, rel=1e-5)


def test_mmpareto_ends_elsewhere_than_the_sum_of_its_losses(trained, tmp_path):
    cache, path = trained
    mine = read_checkpoint(path("mmpareto"))
    one = read_checkpoint(run("mmpareto", cache, tmp_path / "one", "gamma=1", epochs=8))
    name = "audio_encoder.body.0.weight"
    assert not torch.allclose(mine.model[name], one.model[name], atol=1e-3)


# ---------------------------------------------------------------- what is refused, what is recorded


def test_the_question_holds_the_method_and_all_its_settings(cache, tmp_path):
    path = run("ogm-ge", cache, tmp_path / "b", "alpha=0.5", epochs=1)
    asked = read_checkpoint(path).stamp.parameters
    assert asked["method"] == "ogm-ge"
    assert {n: v for n, v in asked.items() if n.startswith("set_")} == {
        "set_alpha": 0.5,
        "set_starts": 0,
        "set_ends": 50,
        "set_noise": True,
        "set_variant": "code",
    }
    with pytest.raises(OutputError, match=r"set_alpha: 0\.5 there, 0\.25 asked for"):
        run("ogm-ge", cache, tmp_path / "b", "alpha=0.25", epochs=1)
    with pytest.raises(OutputError, match="method: ogm-ge there, concat asked for"):
        run("concat", cache, tmp_path / "b", epochs=1)


def test_settings_that_cannot_be_meant_are_told_all_at_once_with_the_nearest(cache, tmp_path):
    words = ["alpah=1", "noise=maybe", "x", "ends=3.5", "starts=-1", "variant=cod", "alpha=nan"]
    with pytest.raises(UsageError) as caught:
        choose("ogm-ge", words)
    assert caught.value.details == (
        "unknown setting 'alpah': alpha?",
        "noise=maybe: true|false is wanted",
        "'x' is no NAME=VALUE",
        "ends=3.5: whole number from 0 is wanted",
        "starts=-1: whole number from 0 is wanted",
        "variant=cod: code|paper is wanted",
        "alpha=nan: number from 0 is wanted",
        "its settings: alpha=0.8, starts=0, ends=50, noise=true, variant=code",
    )
    with pytest.raises(UsageError, match=r"unknown method 'ogmge'\n.*\n  try: ogm-ge"):
        choose("ogmge")
    for word, meant in (("ogm", "ogm-ge"), ("OGM-GE", "ogm-ge"), ("G-Blend", "g-blending")):
        with pytest.raises(UsageError, match=f"unknown method .*\n.*\n  try: {meant}$"):
            choose(word)
    with pytest.raises(UsageError, match="its settings: none"):
        choose("concat", ["alpha=1"])


def test_a_training_too_short_for_its_method_brings_a_warning(cache, tmp_path, capsys):
    run("dr", cache, tmp_path / "a", "interval=2", epochs=2)
    assert "dr does what it is for from epoch 3 on, and 2 are trained" in capsys.readouterr().err
    run("dr", cache, tmp_path / "b", "interval=1", epochs=2)
    assert "warning" not in capsys.readouterr().err


def test_a_value_is_read_by_its_settings_type():
    method = choose("ogm-ge", ["alpha=1", "alpha=2", "noise=No", "ends=7", "variant=paper"])
    assert vars(method) == {
        "alpha": 2.0,
        "starts": 0,
        "ends": 7,
        "noise": False,
        "variant": "paper",
    }


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    """A cache of embeddings, 10 and 6 numbers a clip, without validation."""
    folder = tmp_path_factory.mktemp("vectors")
    rng, label = np.random.default_rng(0), np.arange(90) % 3
    np.savez(
        folder / "features.npz",
        id=np.array([f"c{row:02}" for row in range(90)]),
        label=np.array(["low", "middle", "high"])[label],
        split=np.where(np.arange(90) < 60, "train", "test"),
        audio=(rng.normal(size=(90, 10)) + 3 * np.eye(10)[label]).astype(np.float32),
        visual=(rng.normal(size=(90, 6)) + 3 * np.eye(6)[label]).astype(np.float32),
    )
    prepare("embeddings", folder / "features.npz", folder / "cache.h5", val_fraction=0.0)
    return folder / "cache.h5"


NEEDS_STAGES, NEEDS_CONVOLUTIONS, NEEDS_VALIDATION = {"greedy"}, {"ogm-ge", "opm-ogm"}, {"dr"}


@pytest.mark.parametrize("name", sorted(set(METHODS) - NEEDS_STAGES - NEEDS_VALIDATION))
def test_a_method_that_needs_no_pictures_trains_on_embeddings(vectors, tmp_path, name):
    words = ["variant=paper"] if name in NEEDS_CONVOLUTIONS else []
    path = run(name, vectors, tmp_path / "b", *words, network=Network("mlp", "mlp"))
    history = read_checkpoint(path).history
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("greedy", UsageError, "gates between the modalities need encoders of four stages"),
        ("ogm-ge", UsageError, "modulates convolutions, and an encoder has none"),
        ("opm-ogm", UsageError, "modulates convolutions, and an encoder has none"),
        ("dr", InputError, "dr compares training with validation"),
    ],
)
def test_a_method_that_cannot_work_on_a_cache_says_so_and_writes_nothing(
    vectors, tmp_path, name, kind, text
):
    with pytest.raises(kind, match=text):
        run(name, vectors, tmp_path / "b", network=Network("mlp", "mlp"))
    assert not list(tmp_path.rglob("*.pt"))


# ---------------------------------------------------------------- the command


def test_the_command_trains_and_confirms(work):
    line = [
        "baseline",
        "ogm-ge",
        "cache.h5",
        "-o",
        "b",
        "--epochs",
        "1",
        "--set",
        "alpha=0.3",
        *SMALL,
    ]
    made = call(*line, "--json")
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    assert told["phase"] == "baseline"
    assert not told["up_to_date"]
    assert "avgap evaluate cache.h5 --checkpoint b/best.pt -o b/metrics-best.json" in made.stderr
    assert "up to date" in call(*line).stderr
    assert call("evaluate", "cache.h5", "-c", "b/checkpoint.pt", "-o", "m.json").exit_code == 0


def test_the_command_refuses_with_status_two(work):
    text = fails(2, "baseline", "ogm", "cache.h5", "-o", "b")
    assert "unknown method 'ogm'" in text
    text = fails(2, "baseline", "opm", "cache.h5", "-o", "b", "--set", "p=2", "--set", "q=1")
    assert "p=2: number from 0 to 1 is wanted" in text
    assert "unknown setting 'q'" in text
    assert not Path("b").exists()


def test_the_help_names_every_method_and_the_list_every_setting():
    (argument,) = MethodName.__metadata__  # type: ignore[attr-defined]
    assert re.split(r", | or ", argument.help.rstrip(".")) == list(METHODS)
    text = call("baseline", "--list").stdout
    assert text == listing()
    for name, method in METHODS.items():
        part = re.split(r"^(?=\S)", text, flags=re.M)[1 + list(METHODS).index(name)]
        assert part.startswith(name)
        for setting in settings_of(method):
            assert f"  {setting.name}={text_of(setting.default)} " in part


# ---------------------------------------------------------------- its document


def rows():
    """The table of methods: names → the cell of defaults and that of passes."""
    found = {}
    for line in PAGE.read_text(encoding="utf-8").partition("## Networks")[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if len(cells) == 5 and cells[0].startswith("`"):
            for name in re.findall(r"`([^`]+)`", cells[0]):
                found[name] = cells[3], cells[4]
    return found


def test_the_document_has_a_row_for_every_method_with_its_defaults_and_passes():
    table = rows()
    assert set(table) == set(METHODS)
    for name, (defaults, passes) in table.items():
        known = {setting.name: setting.default for setting in settings_of(METHODS[name])}
        for key, value in re.findall(r"`(\w+)=([^`]+)`", defaults):
            assert str(known[key]).lower() in (value, f"{value}.0"), (name, key)
        if not name.endswith("-only"):
            assert passes.split(",")[0].split()[0] == str(METHODS[name].passes)


def test_the_document_tells_which_methods_run_on_several_processes():
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    refused = text.partition("The others are refused under torchrun:")[2]
    alone = {name for name, method in METHODS.items() if not method.distributed}
    assert (
        set(re.findall(r"`([a-z-]+)`", refused.partition("##")[0].partition("Every step")[0]))
        == alone
    )


def test_the_default_length_is_that_of_warm_up_and_adaptation():
    assert BASELINE_EPOCHS == 30 + 4 * 10
    assert f"**Epochs.** {BASELINE_EPOCHS} unless" in PAGE.read_text(encoding="utf-8")
