"""Arrays as others write them: types, texts and sizes, at the one door they come in by."""

from __future__ import annotations

import zipfile

import h5py
import numpy as np
import pytest

from avgap.artifact import arrays as arrays_module
from avgap.artifact.arrays import plain, read_arrays
from avgap.errors import InputError
from avgap.gaps import gaps_of_predictions

RNG = np.random.default_rng(0)
N, M = 60, 3
AUDIO, VISUAL = RNG.integers(-100, 100, (2, N, M))
LABEL = RNG.integers(0, M, N)


def save(path, **arrays):
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    else:
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                file[name] = array
    return path


@pytest.mark.parametrize("ending", [".npz", ".h5"])
@pytest.mark.parametrize(
    "kind", ["int8", "uint8", "int16", "float16", ">f4", ">i2", "uint64", "float32", "bool"]
)
def test_scores_of_any_type_give_what_numpy_gives_in_float64(tmp_path, kind, ending):
    shift = 100 if kind[0] == "u" else 0
    audio, visual = ((values + shift).astype(kind) for values in (AUDIO, VISUAL))
    path = save(tmp_path / f"s{ending}", audio_logits=audio, visual_logits=visual, label=LABEL)
    table = gaps_of_predictions(path, "-").table
    a, v = audio.astype(np.float64), visual.astype(np.float64)
    np.testing.assert_array_equal(table.fused_pred, (a + v).argmax(1))
    soft = [np.exp(z - z.max(1, keepdims=True)) for z in (a, v)]
    score = [(s / s.sum(1, keepdims=True))[np.arange(N), LABEL] for s in soft]
    np.testing.assert_allclose(table.gap, score[0] - score[1], atol=1e-12)


def test_what_type_the_scores_have_stays_part_of_the_question(tmp_path):
    digests = set()
    for kind in ("float32", "float64"):
        path = save(
            tmp_path / f"{kind}.npz",
            audio_logits=AUDIO.astype(kind),
            visual_logits=VISUAL.astype(kind),
            label=LABEL,
        )
        digests.add(gaps_of_predictions(path, "-").table.stamp.inputs["predictions"])
    assert len(digests) == 2


def test_labels_of_truths_big_endians_and_bytes_are_what_they_were(tmp_path):
    names = np.array(["dog", "cat"])
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["truth"], file["big"] = LABEL > 1, LABEL.astype(">i4")
        file["fixed"] = names[LABEL % 2].astype("S3")
        file.create_dataset("ascii", data=names.astype("S"), dtype=h5py.string_dtype("ascii"))
        file.create_dataset("text", data=["é", "犬"], dtype=h5py.string_dtype())
        file["utf8 called ascii"] = np.array(["é".encode()], dtype="S2")
        rows = file.create_dataset("rows", (3,), h5py.vlen_dtype("i2"))
        for i in range(3):
            rows[i] = np.array([i, i + 1], "i2")
    found = read_arrays(tmp_path / "s.h5", ("truth", "big", "fixed"), lambda shape: True).arrays
    assert found["truth"].tolist() == (LABEL > 1).astype(int).tolist()
    assert found["big"].dtype == np.int64
    assert found["fixed"].tolist() == names[LABEL % 2].tolist()
    assert found["ascii"].tolist() == ["dog", "cat"]
    assert found["text"].tolist() == ["é", "犬"]
    assert found["utf8 called ascii"].tolist() == ["é"]
    assert found["rows"].tolist() == [[0, 1], [1, 2], [2, 3]]


@pytest.mark.parametrize(
    ("array", "why"),
    [
        (np.array([b"caf\xe9"]), "text that is no UTF-8 (b'caf\\xe9')"),
        (np.array(["dog".encode("utf-16-le")]), "NUL"),
        (np.array(["né".encode("utf-16")]), "no UTF-8"),
    ],
)
@pytest.mark.parametrize("ending", [".npz", ".h5"])
def test_text_of_another_encoding_is_told_where_it_is_needed_and_left_elsewhere(
    tmp_path, array, why, ending
):
    path = save(tmp_path / f"s{ending}", note=array, label=LABEL)
    found = read_arrays(path, ["label"], lambda shape: len(shape) == 1)
    assert why in found.others["note"]
    assert found.arrays["label"].tolist() == LABEL.tolist()
    with pytest.raises(InputError) as caught:
        read_arrays(path, ["note"])
    assert "the array 'note'" in str(caught.value)
    assert why in str(caught.value)
    assert caught.value.hint == "save it as UTF-8"


def test_references_and_compounds_are_left_and_named(tmp_path):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["label"] = LABEL
        cells = file.create_dataset("cells", (1,), h5py.ref_dtype)
        cells[0] = file["label"].ref
        file["pair"] = np.zeros(2, [("a", "i4"), ("b", "f4")])
        file["nothing"] = h5py.Empty("f4")
        file.create_group("group")
    found = read_arrays(tmp_path / "m.h5", ["label"], lambda shape: True)
    assert "references" in found.others["cells"]
    assert found.others["nothing"] == "is empty"
    with pytest.raises(InputError, match="cell array of MATLAB"):
        read_arrays(tmp_path / "m.h5", ["cells"])


# ---------------------------------------------------------------- only what is asked for


@pytest.mark.parametrize("ending", [".npz", ".h5"])
def test_arrays_that_are_not_asked_for_are_not_read(tmp_path, ending, monkeypatch):
    path = save(tmp_path / f"s{ending}", label=LABEL, features=np.zeros((1000, 100)))
    sizes = []
    monkeypatch.setattr(arrays_module, "plain", lambda array: sizes.append(array.size) or array)
    found = read_arrays(path, ["label"])
    assert sizes == [N]
    assert found.others == {"features": "float64 (1000, 100)"}


def test_an_array_that_is_not_asked_for_may_be_pickled_or_damaged(tmp_path):
    np.savez(tmp_path / "s.npz", label=LABEL, thing=np.array([{"a": 1}], dtype=object))
    with zipfile.ZipFile(tmp_path / "s.npz", "a") as file:
        file.writestr("broken.npy", b"\x93NUMPY\x01\x00no header")
        file.writestr("readme.txt", b"not an array")
    assert read_arrays(tmp_path / "s.npz", ["label"]).arrays["label"].tolist() == LABEL.tolist()
    with pytest.raises(InputError, match="could run code"):
        read_arrays(tmp_path / "s.npz", ["thing"])
    with pytest.raises(InputError, match="cannot be read"):
        read_arrays(tmp_path / "s.npz", ["broken"])


def test_an_array_that_unpacks_beyond_the_bound_is_refused_before_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays_module, "MOST_BYTES", 1 << 20)
    big = np.zeros(1 << 18)  # 2 MiB; packed, some kB
    np.savez_compressed(tmp_path / "s.npz", label=big)
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file.create_dataset("label", (1 << 40,), "f8", chunks=(1024,))  # 8 TiB of nothing
    for ending in (".npz", ".h5"):
        with pytest.raises(InputError, match="the array 'label' unpacks to"):
            read_arrays(tmp_path / f"s{ending}", ["label"])


def test_a_header_that_claims_more_than_there_is_is_told(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(10))
    content = (tmp_path / "a.npy").read_bytes().replace(b"(10,), }", b"(99,), }")
    with zipfile.ZipFile(tmp_path / "s.npz", "w") as file:
        file.writestr("label.npy", content)
    with pytest.raises(InputError, match="its size is not the one it names"):
        read_arrays(tmp_path / "s.npz", ["label"])


def test_numbers_of_two_bytes_without_a_type_are_named():
    array = np.zeros(3, "V2")  # as numpy stores bfloat16
    assert plain(array) is array
