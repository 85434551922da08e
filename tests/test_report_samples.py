"""The samples on the page, in its gallery and as CSV, and tables of gaps that are anybody's."""

from __future__ import annotations

import base64
import csv
import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image
from runs import WARMUP, gaps_of, make_crossfit, make_run, write_table

from avgap.artifact.gaps import Gaps, read_gaps
from avgap.artifact.gmm import mixture_digest
from avgap.data.cache.reader import open_cache
from avgap.errors import InputError, OutputError
from avgap.fitgmm import fitgmm
from avgap.mixture.model import Component, Mixture
from avgap.report import page, read_views, write_trajectories
from avgap.report.clips import clips_of
from avgap.report.document import FORMATS, terminal
from avgap.report.rundocument import document
from avgap.report.runfolder import read_run
from avgap.report.samples import cards, galleries, json_for_script, page_table


@pytest.fixture
def run(tmp_path, cache):
    return make_run(tmp_path / "run", cache)


def rows_of(path):
    first, *lines = path.read_text(encoding="utf-8").splitlines()
    assert first.startswith("# avgap report ")
    return list(csv.DictReader(lines))


def test_json_on_the_page_cannot_leave_its_element():
    text = json_for_script({"id": "</script><!--\u2028&"})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"id": "</script><!--\u2028&"}


def test_the_pages_table_has_every_sample_the_largest_gap_first(run):
    (view,) = read_views([run])
    edges = np.linspace(-1, 1, 21)
    table = page_table(view, edges)
    data = json.loads(table.data)
    gap = view.first.gaps.gap
    assert data["row"] == np.argsort(-np.abs(gap), kind="stable").tolist()
    shown = {c["name"]: c for c in data["columns"]}
    assert shown["gap"]["values"] == [round(g, 4) for g in gap[data["row"]]]
    bins = zip(data["bin"], gap[data["row"]], strict=True)
    assert all(edges[i] <= g < edges[i + 1] for i, g in bins)
    assert shown["label"]["names"] == ["high", "low", "middle"]
    assert (table.n, table.left_out, len(table.first)) == (60, 0, 50)


def test_of_very_many_samples_the_largest_gaps_are_kept(run, monkeypatch):
    (view,) = read_views([run])
    monkeypatch.setattr("avgap.report.samples.MOST", 20)
    table = page_table(view, np.linspace(-1, 1, 21))
    assert (table.n, table.left_out) == (60, 40)
    assert len(json.loads(table.data)["row"]) == 20


def test_the_fold_of_every_sample_stands_in_the_csv_and_on_the_page(tmp_path, cache):
    folder = make_crossfit(tmp_path / "xf", cache)
    page([folder], tmp_path / "r.csv", format="csv")
    rows = rows_of(tmp_path / "r.csv")
    assert [row["fold"] for row in rows[:4]] == ["1", "2", "3", "1"]
    assert {row["held_out"] for row in rows} == {"1"}
    (view,) = read_views([folder])
    assert ("fold", "text") in page_table(view, np.linspace(-1, 1, 21)).heads


# ---------------------------------------------------------------- the gallery


def test_the_side_of_the_larger_gaps_comes_first_and_shows_more():
    gap = np.r_[np.linspace(0.5, 0.9, 20), np.linspace(-0.4, -0.2, 20)]
    shown = galleries(gap)
    assert list(shown) == ["audio", "visual"]
    assert shown["audio"] == list(range(19, 7, -1))  # twelve, the largest first
    assert shown["visual"] == [20, 21, 22, 23, 24, 25]
    assert list(galleries(-gap)) == ["visual", "audio"]


def test_gaps_near_zero_are_not_worth_showing():
    assert galleries(np.array([0.05, -0.09, 0.7])) == {"audio": [2]}
    assert galleries(np.array([0.05, -0.09])) == {}


def test_a_sample_is_shown_with_its_names_scores_and_pictures(cache, tmp_path):
    write_table(tmp_path / "gaps.h5", cache, WARMUP, gaps_of(0.7))
    table = read_gaps(tmp_path / "gaps.h5")
    mixture = Mixture(Component(0.75, 0.0, 0.01), Component(0.25, 0.7, 0.01))
    opened = open_cache(cache)
    (shown,) = cards(table, [1], mixture, clips_of(opened, "train"), opened.classes)
    assert (shown["id"], shown["label"], shown["corrupt"]) == ("train-1", "middle", "visual:noise")
    assert shown["predicted"] == {"fused": "middle", "audio": "middle", "visual": "high"}
    assert shown["prob"]["audio"] - shown["prob"]["visual"] == pytest.approx(shown["gap"])
    assert shown["posterior"] == pytest.approx(1, abs=1e-3)
    frames, spectrogram = (
        Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
        for uri in shown["pictures"][:2]
    )
    assert frames.size == (32, 16)  # two frames of 16 px
    assert spectrogram.size == (16, 12)  # T × F


def test_a_bare_table_of_gaps_is_shown_by_row_without_pictures():
    (shown,) = cards(Gaps(gap=np.array([0.5])), [0], None, None)
    assert shown["id"] == "row 1"
    assert shown["label"] is None
    assert shown["posterior"] is None
    assert shown["pictures"] is None


# ---------------------------------------------------------------- trajectories


def test_trajectories_are_written_with_those_that_never_moved_first(run, tmp_path, cache):
    gap = gaps_of(0.3)
    gap[:5] = 0.7  # five that stay where the mixture after warm-up calls them imbalanced
    later = run / "adapt" / "step-02"
    write_table(later / "gaps.h5", cache, "e" * 64, gap)
    fitgmm(later / "gaps.h5", later / "gmm.json", force=True)
    views = read_views([run])
    stuck = write_trajectories(views, tmp_path / "t.csv")
    rows = rows_of(tmp_path / "t.csv")
    assert len(rows) == 60
    never = [row["id"] for row in rows if row["never_moved"] == "1"]
    assert len(never) == stuck == 5
    assert [row["id"] for row in rows[:stuck]] == never
    assert rows[0]["spoiled"] == "visual:noise"
    assert {"gap_0", "posterior_0", "gap_1", "posterior_1"} <= set(rows[0])
    assert [rows[0]["side_0"], rows[-1]["side_0"]] == ["audio", "neither"]


def test_one_round_alone_has_no_trajectories(tmp_path, run):
    shutil.rmtree(run / "adapt")
    with pytest.raises(InputError, match="no trajectories in run"):
        write_trajectories(read_views([run]), tmp_path / "t.csv")
    with pytest.raises(OutputError, match="a name ending in"):
        write_trajectories(read_views([run]), tmp_path / "t.txt")


# ---------------------------------------------------------------- gaps of anybody's


def test_a_folder_of_foreign_gaps_and_their_mixture_makes_a_page(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    lines = [f"s{i},{gap}" for i, gap in enumerate(gaps_of(0.7))]
    (folder / "gaps.csv").write_text("id,gap\n" + "\n".join(lines) + "\n")
    fitgmm(folder / "gaps.csv", folder / "gmm.json")
    for paths in ([folder], [folder / "gaps.csv"], [folder / "gaps.csv", folder / "gmm.json"]):
        result = page(paths, tmp_path / "r.html")
        assert result.runs[0]["all"]["n"] == 60
        assert result.runs[0]["all"]["imbalanced"]["count"] == 15
        text = (tmp_path / "r.html").read_text(encoding="utf-8")
        assert "In gaps.csv, 25 % of the 60 samples are imbalanced" in text
        assert "carries no stamp of avgap: its origin is unknown" in text
        assert "Accuracy before and after" not in text


def with_roles(path, gaps, weights):
    """A gmm.json beside gaps, with one to three components at 0, 0.6 and −0.6."""
    means = {"balanced": 0.0, "imbalanced": 0.6, "audio_dominant": 0.6, "visual_dominant": -0.6}
    parts = {role: Component(weight, means[role], 0.02) for role, weight in weights.items()}
    mixture = Mixture(**parts)
    fitgmm(gaps, path)
    body = json.loads(path.read_text()) | {"components": mixture.as_dict()}
    path.write_text(json.dumps(body | {"digest": mixture_digest(mixture)}))


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({"balanced": 1.0}, "the 60 samples were taken as one balanced group"),
        (
            {"balanced": 0.7, "audio_dominant": 0.2, "visual_dominant": 0.1},
            "30 % of the 60 samples are imbalanced: the audio leads in 20 %, by a gap about +0.60; "
            "the visual leads in 10 %, by a gap about −0.60",
        ),
    ],
)
def test_mixtures_of_one_and_three_components_are_reported_in_every_format(
    tmp_path, weights, words
):
    np.save(tmp_path / "gaps.npy", gaps_of(0.7))
    with_roles(tmp_path / "gmm.json", tmp_path / "gaps.npy", weights)
    views = read_views([tmp_path / "gaps.npy"])
    for format, write in FORMATS.items():
        text = write(document(views))
        assert words in text or format in ("csv", "latex"), format
    assert words in terminal(document(views))
    count = views[0].everything.imbalanced.count
    assert count == (0 if len(weights) == 1 else 15)  # −0.3 is not imbalanced


def test_gaps_without_a_mixture_or_ids_make_a_page_too(tmp_path):
    np.save(tmp_path / "gaps.npy", gaps_of(0.7))
    result = page([tmp_path / "gaps.npy"], tmp_path / "r.html")
    assert result.runs[0]["all"]["imbalanced"] is None
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "No mixture was fitted" in text
    assert "row 60" in text


def test_each_of_several_tables_has_the_mixture_of_them_all(tmp_path):
    for name, high in (("a.npy", 0.7), ("b.npy", 0.6)):
        np.save(tmp_path / name, gaps_of(high))
    tables = [tmp_path / "a.npy", tmp_path / "b.npy"]
    fitgmm(tables, tmp_path / "gmm.json")
    views = read_views([*tables, tmp_path / "gmm.json"])
    assert [view.name for view in views] == ["a.npy", "b.npy"]
    assert [view.everything.imbalanced.count for view in views] == [15, 15]


def test_a_mixture_of_other_gaps_is_refused(run, tmp_path):
    np.save(tmp_path / "gaps.npy", gaps_of(0.2))
    with pytest.raises(InputError, match="a mixture of other gaps"):
        page([tmp_path / "gaps.npy", run / "gmm.json"], tmp_path / "r.html")
    with pytest.raises(InputError, match="there are no gaps among the files"):
        page([run / "gmm.json"], tmp_path / "r.html")


def test_two_foreign_tables_in_a_folder_are_not_guessed_between(tmp_path):
    for name in ("one.npy", "two.npy"):
        np.save(tmp_path / name, gaps_of(0.7))
    with pytest.raises(InputError, match="holds 2 tables of gaps of unknown origin"):
        read_run(tmp_path)
