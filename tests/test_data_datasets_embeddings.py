"""Embeddings in place of media: what a file must hold, and the pipeline on what it holds."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import torch

from avgap.adapt import adapt
from avgap.artifact.gaps import read_gaps
from avgap.artifact.gmm import read_mixture
from avgap.data.cache.reader import digest_of_file, open_cache
from avgap.data.cache.shards import Shard
from avgap.errors import InputError, UsageError
from avgap.evaluate import evaluate
from avgap.fitgmm import fitgmm
from avgap.gaps import gaps
from avgap.merge import merge
from avgap.prepare import prepare
from avgap.report import describe, page
from avgap.report.clips import clips_of, corrupted_auc
from avgap.settings import AUDIO_RECIPES, Adaptive, FrameRecipe, Network, Training
from avgap.warmup import warmup


def arrays(n: int = 150, seed: int = 0, spoiled: float = 0.2) -> dict[str, np.ndarray]:
    """Both modalities show the class (of three); the frames of a share of the clips do not."""
    rng = np.random.default_rng(seed)
    label = np.arange(n) % 3
    corrupt = rng.permutation(n) < spoiled * n
    audio = rng.normal(0, 1, (n, 10)) + 4 * np.eye(10)[label]
    visual = rng.normal(0, 1, (n, 6)) + 4 * np.eye(6)[label] * ~corrupt[:, None]
    visual[:, 5] = 7.0  # one that never varies
    return {
        "id": np.array([f"c{row:03}" for row in range(n)]),
        "label": np.array(["low", "middle", "high"])[label],
        "split": np.where(np.arange(n) < 0.7 * n, "train", "test"),
        "audio": audio.astype(np.float32),
        "visual": 100 * visual,
        "corrupt": np.where(corrupt, "visual:noise", ""),
    }


def write(path, **changes):
    """The arrays with some changed, or left out where None."""
    kept = {name: array for name, array in {**arrays(), **changes}.items() if array is not None}
    if path.suffix == ".npz":
        np.savez(path, **kept)
        return path
    with h5py.File(path, "w") as file:
        for name, array in kept.items():
            text = array.dtype.kind == "U"
            file.create_dataset(
                name,
                data=array.astype(object) if text else array,
                dtype=h5py.string_dtype() if text else None,
            )
    return path


def test_a_file_of_either_format_becomes_the_same_cache(tmp_path):
    made = [
        prepare("embeddings", write(tmp_path / name), tmp_path / f"{name}.cache.h5")
        for name in ("a.npz", "a.h5")
    ]
    assert made[0].digest == made[1].digest
    assert made[0].sizes == {"train": 95, "val": 10, "test": 45}
    cache = open_cache(made[0].path)
    assert (cache.kind, cache.dataset, cache.augment) == ("embedding", "embeddings", False)
    assert (cache.classes, cache.audio_shape, cache.visual_shape) == (
        ("high", "low", "middle"),
        (10,),
        (6,),
    )
    train, given = cache.split("train"), arrays()
    rows = [int(id[1:]) for id in train.id]
    assert train.audio.dtype == train.visual.dtype == np.float32
    assert np.array_equal(train.audio, given["audio"][rows])
    assert np.array_equal(train.visual, given["visual"][rows].astype(np.float32))
    assert train.meta["corrupt"] == given["corrupt"][rows].tolist()
    # Every value of an embedding has its own mean and deviation, over the training split.
    np.testing.assert_allclose(cache.audio_mean, train.audio.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(cache.visual_std[:5], train.visual[:, :5].std(axis=0), rtol=1e-5)
    assert cache.visual_std[5] == 0
    assert digest_of_file(made[0].path) == made[0].digest
    assert "visual   embeddings of 6 numbers" in describe(tmp_path / "a.npz.cache.h5")[0]


def test_the_same_file_confirms_and_changed_numbers_are_another_question(tmp_path):
    source, output = write(tmp_path / "a.npz"), tmp_path / "c.h5"
    prepare("embeddings", source, output)
    assert prepare("embeddings", source, output).status == "up to date"
    changed = arrays()["audio"]
    changed[3, 2] += 1
    write(source, audio=changed)
    with pytest.raises(Exception, match="answers another question"):
        prepare("embeddings", source, output)


def test_shards_are_merged_to_the_cache_of_one_run(tmp_path):
    source = write(tmp_path / "a.npz")
    whole = prepare("embeddings", source, tmp_path / "whole.h5")
    shards = [tmp_path / f"{number}.h5" for number in (1, 2, 3)]
    for number, path in enumerate(shards, start=1):
        prepare("embeddings", source, path, shard=Shard(number, 3))
    assert merge(shards, tmp_path / "merged.h5").digest == whole.digest
    means = [open_cache(tmp_path / f"{name}.h5").visual_mean for name in ("whole", "merged")]
    assert np.array_equal(*means)


def test_integers_are_labels_in_the_order_of_their_values_and_bytes_are_text(tmp_path):
    label = np.arange(150) % 12
    ids = np.array([f"c{row:03}" for row in range(150)], "S4")
    source = write(tmp_path / "a.npz", label=label, id=ids, split=None)
    made = prepare("embeddings", source, tmp_path / "c.h5", dry_run=True)
    assert made.classes == tuple(map(str, range(12)))
    # Nothing names a split: a tenth for test, then a tenth of the rest for validation.
    assert made.sizes == {"train": 121, "val": 14, "test": 15}


def test_rows_that_are_no_finite_numbers_are_listed_by_id_and_may_be_left_out(tmp_path):
    given = arrays()
    given["audio"][4, :3] = np.nan
    given["visual"][9, 0] = 1e300  # infinite in float32
    source = write(tmp_path / "a.npz", audio=given["audio"], visual=given["visual"])
    with pytest.raises(InputError) as caught:
        prepare("embeddings", source, tmp_path / "c.h5")
    assert str(caught.value).splitlines() == [
        "2 clips cannot be used",
        "  c004: 3 of its 10 audio values are no finite numbers of 32 bits",
        "  c009: 1 of its 6 visual values are no finite numbers of 32 bits",
        "  try: --allow-missing 2 to leave them out",
    ]
    made = prepare("embeddings", source, tmp_path / "c.h5", allow_missing=2)
    assert sum(made.sizes.values()) == 148


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"id": None, "ids": arrays()["id"]}, ["no array 'id' (is it 'ids'?)"]),
        ({"audio": np.zeros((5, 4))}, ["rows: id 150, label 150, audio 5, visual 150, split 150"]),
        ({"visual": np.zeros(150)}, ["visual is float64 (150,), expected numbers, (N, d)"]),
        ({"audio": np.zeros((150, 0))}, ["audio is float64 (150, 0): no numbers at all"]),
        ({"label": np.zeros(150)}, ["label is float64 (150,), expected names or integers, (N,)"]),
        ({"id": np.array("a")}, ["id is <U1 (), expected names or integers, (N,)"]),
    ],
)
def test_arrays_that_do_not_fit_are_named_with_what_is_there(tmp_path, changes, lines):
    with pytest.raises(InputError, match="does not hold embeddings as expected") as caught:
        prepare("embeddings", write(tmp_path / "a.npz", **changes), tmp_path / "c.h5")
    assert list(caught.value.details[:-1]) == lines
    assert caught.value.details[-1].startswith("it has: ")


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("id", "c001", "the id 'c001' stands more than once"),
        ("split", "trian", "c000: unknown split 'trian' (did you mean 'train'?)"),
        ("label", "", "c000: no label"),
    ],
)
def test_rows_that_cannot_be_meant_are_named(tmp_path, name, value, line):
    array = arrays()[name].astype("U8")
    array[0] = value
    with pytest.raises(InputError) as caught:
        prepare("embeddings", write(tmp_path / "a.npz", **{name: array}), tmp_path / "c.h5")
    assert line in caught.value.details


def test_a_pickled_array_is_refused_unread(tmp_path):
    source = write(tmp_path / "a.npz", label=arrays()["label"].astype(object))
    with pytest.raises(InputError, match=r"the array 'label' is pickled.*\n  try: save text as"):
        prepare("embeddings", source, tmp_path / "c.h5")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.npz", b"PK\x03\x04 cut short", "cannot be read"),
        ("a.npz", b"", "cannot be read"),
        ("a.h5", b"no HDF5", "cannot be read as HDF5"),
        ("a.txt", b"", "is no file of embeddings"),
    ],
)
def test_what_is_no_such_file_is_told(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words):
        prepare("embeddings", tmp_path / name, tmp_path / "c.h5")


@pytest.mark.parametrize(
    "options",
    [
        {"audio": AUDIO_RECIPES["logmel"]},
        {"frames": FrameRecipe(1)},
        {"decoder": "pyav"},
        {"corrupt": "audio:0.5"},
    ],
)
def test_options_of_a_front_end_are_refused(tmp_path, options):
    with pytest.raises(UsageError, match="embeddings have no front end"):
        prepare("embeddings", write(tmp_path / "a.npz"), tmp_path / "c.h5", **options)


# ---------------------------------------------------------------- the pipeline


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    """A cache of 600 embeddings, a fifth of them with frames that do not show the class."""
    folder = tmp_path_factory.mktemp("features")
    prepare("embeddings", write(folder / "a.npz", **arrays(600)), folder / "cache.h5")
    return folder / "cache.h5"


def train(cache, output, encoder, epochs=8, **changes):
    network = Network(encoder, encoder)
    settings = Training(epochs=epochs, batch_size=32, lr=0.02, **changes)
    return warmup(cache, output, loss="joint", network=network, settings=settings).path


@pytest.mark.parametrize("encoder", ["mlp", "identity"])
def test_the_pipeline_finds_the_planted_imbalance(features, tmp_path, encoder):
    run = tmp_path / "run"
    start = train(features, run / "warmup", encoder)
    gaps(features, start, run / "gaps.h5")
    fitgmm(run / "gaps.h5", run / "gmm.json")
    mixture = read_mixture(run / "gmm.json").mixture
    assert mixture.dominant == "audio"
    clips = clips_of(open_cache(features), "train")
    assert corrupted_auc(read_gaps(run / "gaps.h5"), mixture, clips) > 0.8
    last = adapt(features, start, run / "adapt", settings=Adaptive(steps=1, epochs=1)).path
    body = evaluate(features, last, run / "metrics.json").body
    assert body["metrics"]["fused"]["accuracy"] > 0.8
    page([run], tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "the cache holds embeddings" in text


def test_a_checkpoint_standardises_by_itself(features, tmp_path):
    import avgap

    model = avgap.load_checkpoint(train(features, tmp_path / "w", "identity", epochs=1))
    cache = open_cache(features)
    split = cache.split("train")
    audio, visual = torch.from_numpy(split.audio), torch.from_numpy(split.visual)[:, None]
    phi_audio, phi_visual = model.encode(audio, visual)
    torch.testing.assert_close(phi_audio.mean(dim=0), torch.zeros(10), atol=1e-5, rtol=0)
    torch.testing.assert_close(phi_audio.std(dim=0, correction=0), torch.ones(10))
    torch.testing.assert_close(phi_visual[:, 5], torch.zeros(len(split)))  # never varies


def test_by_hand_and_by_machine_give_the_same_weights(features, tmp_path):
    start = train(features, tmp_path / "warmup", "mlp", epochs=2)
    whole = adapt(features, start, tmp_path / "whole", settings=Adaptive(steps=2, epochs=1))
    checkpoint = start
    for step in (1, 2):
        place = tmp_path / f"hand-{step}"
        gaps(features, checkpoint, place / "gaps.h5")
        fitgmm(place / "gaps.h5", place / "gmm.json")
        one = Adaptive(steps=1, epochs=1)
        made = adapt(features, checkpoint, place / "a", settings=one, gmm=place / "gmm.json")
        checkpoint = made.path
    assert made.checkpoint.stamp.digest == whole.checkpoint.stamp.digest


@pytest.mark.parametrize("encoder", ["resnet18", "small"])
def test_encoders_of_pictures_are_refused_for_embeddings(features, tmp_path, encoder):
    with pytest.raises(UsageError) as caught:
        train(features, tmp_path / "w", encoder)
    assert str(caught.value).splitlines() == [
        f"the encoder {encoder!r} does not fit the cache",
        "  it holds embeddings; encoders for it: mlp, identity",
        "  try: --encoder mlp",
    ]


@pytest.mark.parametrize("encoder", ["mlp", "identity"])
def test_encoders_of_embeddings_are_refused_for_media(cache, tmp_path, encoder):
    with pytest.raises(UsageError, match=f"the encoder '{encoder}' does not fit the cache"):
        train(cache, tmp_path / "w", encoder)


def test_a_checkpoint_of_media_does_not_fit_embeddings(cache, features, tmp_path):
    start = train(cache, tmp_path / "w", "small", epochs=1)
    with pytest.raises(InputError, match="does not fit"):
        gaps(features, start, tmp_path / "g.h5")


def test_embeddings_are_not_augmented(features, tmp_path):
    with pytest.raises(UsageError, match="cannot be cropped or mirrored"):
        train(features, tmp_path / "w", "mlp", augment="on")
