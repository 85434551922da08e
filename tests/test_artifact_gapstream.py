"""Tables too large to be read whole: counted in slabs, from every kind of file."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from avgap import artifact
from avgap.artifact import Stamp, gapstream
from avgap.artifact.gaps import Gaps, write_gaps
from avgap.artifact.gapstream import collect
from avgap.errors import InputError
from avgap.fitgmm import fitgmm
from avgap.mixture.histogram import Histogram
from avgap.mixture.model import Component, Mixture

PAPER = Mixture(Component(0.857, 0.0056, 0.0121), Component(0.143, 0.6966, 0.0138))
LARGE = 250_000


def draw(n=LARGE, seed=0):
    return PAPER.sample(n, np.random.default_rng(seed)).clip(-1, 1)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The same large gaps as .npy, as our .h5 and as .csv."""
    monkeypatch.setattr(gapstream, "_LARGE_CSV", 1000)
    gap = draw()
    np.save(tmp_path / "gaps.npy", gap)
    stamp = Stamp("avgap.gaps", Gaps(gap=gap).digest(), {}, {}, {})
    write_gaps(tmp_path / "gaps.h5", Gaps(gap=gap, stamp=stamp))
    rows = "\n".join(f"x,{value!r}" for value in gap.tolist())
    (tmp_path / "gaps.csv").write_text("id,gap\n" + rows)
    return tmp_path


def test_every_kind_of_file_gives_the_same_histogram(files):
    expected = Histogram(1e-6)
    expected.add(draw())
    for name in ("gaps.npy", "gaps.h5", "gaps.csv"):
        found = collect([files / name], 1e-6)
        assert isinstance(found.gap, Histogram)
        np.testing.assert_array_equal(found.gap.count, expected.count)
        np.testing.assert_allclose(found.gap.total, expected.total, atol=1e-9)


def test_the_digest_of_ours_is_its_stamps_and_of_foreign_ones_that_of_the_gaps(files):
    ours, npy, csv = (
        collect([files / name], 1e-6).tables[0] for name in ("gaps.h5", "gaps.npy", "gaps.csv")
    )
    assert ours.digest == artifact.read_stamp(files / "gaps.h5").digest
    assert npy.digest == csv.digest != ours.digest
    assert npy.stamp is None


def test_small_tables_join_large_ones_and_small_ones_stay_as_they_are(files):
    np.save(files / "few.npy", draw(100, seed=1))
    joined = collect([files / "few.npy", files / "gaps.npy"], 1e-6)
    assert joined.gap.n == LARGE + 100
    few = collect([files / "few.npy"], 1e-6)
    np.testing.assert_array_equal(few.gap, draw(100, seed=1))


def test_a_large_table_is_fitted_drawn_and_confirmed(files):
    done = fitgmm(files / "gaps.h5", files / "gmm.json", plot=files / "gmm.svg")
    assert done.result.fit["method"] == "histogram"
    assert done.result.fit["n_samples"] == LARGE
    assert "250,000 samples" in done.verdict
    assert done.result.mixture.imbalanced.mean == pytest.approx(0.6966, abs=0.005)
    assert fitgmm(files / "gaps.h5", files / "gmm.json").up_to_date


def test_a_gap_out_of_range_is_named_by_its_row(files):
    gap = draw()
    gap[234_567] = 1.5
    np.save(files / "bad.npy", gap)
    with pytest.raises(InputError, match=r"bad\.npy: gaps are not numbers") as caught:
        collect([files / "bad.npy"], 1e-6)
    assert caught.value.details == ("row 234568: 1.5",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,gap\n" + "a,0.5\n" * 500 + "b,half\n", "gap is not a number in every row"),
        ("id,value\n" + "a,0.5\n" * 500, "has no gap column"),
        ("id,gap\n" + "a,0.5\n" * 500 + f'"{"x" * 200_000}",0\n', "field larger than"),
        ("id,gap\n" + "a,0.5\n" * 5000 + "\udcff,0\n", "cannot be read as CSV(.|\n)*decode"),
        (
            "id,gap\n" + "a,0.5\n" * 500 + "b,0,5\n",
            "1 rows do not fit the header\n  row 501: 3 of 2 columns",
        ),
    ],
)
def test_a_large_csv_that_is_no_table_of_gaps_is_refused(files, text, message):
    (files / "bad.csv").write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(InputError, match=message):
        collect([files / "bad.csv"], 1e-6)


def test_a_large_file_of_another_kind_is_refused_as_a_small_one_is(files):
    with h5py.File(files / "other.h5", "w") as file:
        file["value"] = np.zeros(LARGE)
    with pytest.raises(InputError, match="has no gap column"):
        collect([files / "other.h5"], 1e-6)
    np.save(files / "matrix.npy", np.zeros((LARGE, 2)))
    with pytest.raises(InputError, match="gaps are one row of numbers"):
        collect([files / "matrix.npy"], 1e-6)


def test_a_large_table_of_ours_is_compared_with_its_stamp_piece_by_piece(tmp_path):
    rng, n = np.random.default_rng(0), gapstream.EXACT + 70_000
    gap, label = draw(n), rng.integers(0, 3, n)
    fields = {"id": [f"clip-{i}" for i in range(n)], "label": label, "fold": 1 + label}
    fields["fused_logits"] = rng.normal(size=(n, 3)).astype(np.float32)
    table = Gaps(gap=gap, **fields)
    stamp = Stamp("avgap.gaps", table.digest(), {}, {}, {})
    path = tmp_path / "gaps.h5"
    write_gaps(path, Gaps(**{**vars(table), "stamp": stamp}))
    assert collect([path], 1e-6).tables[0].digest == table.digest()
    with h5py.File(path, "r+") as file:
        file["fused_logits"][n - 1, 2] += 1
    with pytest.raises(InputError, match="not what its stamp says"):
        collect([path], 1e-6)
