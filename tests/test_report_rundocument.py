"""Run folders as a page: what is said, linked, shown and refused."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from conftest import make_cache
from runs import WARMUP, make_crossfit, make_run, write_training

from avgap.errors import InputError, OutputError
from avgap.fitgmm import fitgmm
from avgap.report import page
from avgap.settings import Fit


@pytest.fixture
def run(tmp_path, cache):
    return make_run(tmp_path / "run", cache)


class Reader(HTMLParser):
    """The tags, addresses and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.words, self.ids = [], [], [], []
        self.pictures = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.tags.append(tag)
        self.addresses += [named[k] for k in ("src", "href", "xlink:href") if k in named]
        self.ids += [named["id"]] if "id" in named else []
        if tag == "img":
            self.pictures.append(named.get("alt"))

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


def test_the_page_stands_alone_and_shows_every_part(run, tmp_path):
    result = page([run], tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text()
    reader = Reader(html)
    assert all(a.startswith(("data:image/png;base64,", "#")) for a in reader.addresses)
    assert not {"link", "iframe", "object"} & set(reader.tags)
    assert reader.tags.count("script") == 2  # its own, and the samples as JSON
    assert "url(http" not in html
    assert "@import" not in html
    assert reader.tags.count("figure") == 4
    assert len(reader.pictures) == 2 * (12 + 1)
    assert all(reader.pictures)
    assert len(reader.ids) == len(set(reader.ids))
    for words in ("after round 1", "train-59", "corrupted: visual:noise", WARMUP, "low", "ROC AUC"):
        assert words in reader.text
    assert result.as_dict()["planted_auc"] > 0.95
    assert result.runs[0]["accuracy"]["adapt"]["fused"] == 0.7


def test_the_verdict_says_what_happened_with_its_numbers(run, tmp_path):
    page([run], tmp_path / "report.html")
    text = Reader((tmp_path / "report.html").read_text()).text
    assert "25 % of the 60 samples are imbalanced: the audio leads, by a gap about +0.6" in text
    assert "on the test split from 60.0 % to 70.0 %, better; audio changed by +1.0 points" in text


@pytest.mark.parametrize(
    ("after", "words"), [(0.45, ", worse;"), (0.61, ", a difference that may be chance;")]
)
def test_a_loss_and_a_chance_difference_are_called_so(tmp_path, cache, after, words):
    run = make_run(tmp_path / "run", cache, after=after)
    page([run], tmp_path / "report.html")
    assert words in Reader((tmp_path / "report.html").read_text()).text


def test_what_users_wrote_is_shown_as_text(tmp_path, monkeypatch):
    import conftest

    hostile = ("<script>alert(1)</script>", '"><img src=x onerror=y>', "{{ 7 * 7 }}")
    monkeypatch.setattr(conftest, "CLASSES", hostile)
    cache = make_cache(tmp_path / "cache.h5")
    run = make_run(tmp_path / "<b>run & co", cache)
    page([run], tmp_path / "report.html")
    reader = Reader((tmp_path / "report.html").read_text())
    assert reader.tags.count("script") == 2
    assert "b" not in reader.tags
    assert all(name in reader.text for name in (*hostile, "<b>run & co"))
    assert "x" not in reader.addresses


def test_the_policy_allows_the_pages_own_script_alone(run, tmp_path):
    page([run], tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', html)
    script = html.rpartition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; ")
    assert f"script-src 'sha256-{digest}'; " in policy
    assert "script-src 'unsafe" not in policy
    assert "http" not in policy


def test_the_page_names_the_commands_that_make_it_again(run, tmp_path):
    page([run], tmp_path / "report.html", made_by="avgap report run -o report.html")
    text = Reader((tmp_path / "report.html").read_text()).text
    assert "This page again: avgap report run -o report.html" in text
    assert f"avgap fitgmm {run / 'gaps.h5'} -o {run / 'gmm.json'} --n-init 10" in text


def test_groups_and_moves_stand_on_the_page_and_among_the_numbers(run, tmp_path):
    result = page([run], tmp_path / "report.html")
    text = Reader((tmp_path / "report.html").read_text()).text
    for words in ("by class", "by agreement", "by corrupt", "Samples that changed sides"):
        assert words in text
    (numbers,) = result.runs
    assert [g["group"] for g in numbers["breakdowns"]["corrupt"]] == ["visual:noise", "(none)"]
    assert numbers["breakdowns"]["corrupt"][0]["imbalanced"]["count"] == 15
    assert numbers["trajectories"]["imbalanced"][0] == 15
    assert numbers["rounds"][0]["val"] == {"fused": 0.6, "audio": 0.5, "visual": 0.4}


def test_several_runs_are_compared_first_and_then_shown_one_by_one(tmp_path, cache):
    runs = [make_run(tmp_path / name, cache, after) for name, after in (("one", 0.7), ("two", 0.5))]
    result = page(runs, tmp_path / "report.html")
    reader = Reader((tmp_path / "report.html").read_text())
    assert "The runs side by side" in reader.text
    assert {"#run-1", "#run-2"} <= set(reader.addresses)
    assert len(reader.ids) == len(set(reader.ids))
    assert [r["accuracy"]["adapt"]["fused"] for r in result.runs] == [0.7, 0.5]


def test_a_page_of_ours_is_replaced_and_a_foreign_file_refused(run, tmp_path):
    output = tmp_path / "report.html"
    page([run], output)
    page([run], output)
    output.write_text("<html>someone's own page</html>")
    with pytest.raises(OutputError, match="is not a report of avgap"):
        page([run], output)
    assert output.read_text() == "<html>someone's own page</html>"


def test_without_its_cache_the_gallery_says_so(run, tmp_path, cache, capsys):
    cache.rename(tmp_path / "moved.h5")
    result = page([run], tmp_path / "report.html")
    reader = Reader((tmp_path / "report.html").read_text())
    assert "No pictures: the cache was not found" in reader.text
    assert reader.pictures == []
    assert "the report has no pictures" in capsys.readouterr().err
    assert result.as_dict()["planted_auc"] is None
    page([run], tmp_path / "report.html", cache=tmp_path / "moved.h5")
    assert Reader((tmp_path / "report.html").read_text()).pictures


def test_a_given_cache_must_be_the_one_of_the_gaps(run, tmp_path):
    other = make_cache(tmp_path / "other.h5", seed=1)
    with pytest.raises(InputError, match="holds gaps of another cache"):
        page([run], tmp_path / "report.html", cache=other)
    assert not (tmp_path / "report.html").exists()


def test_a_run_that_has_only_begun_makes_a_page_too(tmp_path):
    write_training(tmp_path / "run" / "warmup", WARMUP, {"cache": "c"}, "warmup", [0, 0])
    page([tmp_path / "run"], tmp_path / "report.html")
    text = Reader((tmp_path / "report.html").read_text()).text
    assert "No mixture was fitted in this run." in text
    assert "No metrics in this run" in text
    assert "No gaps in this run" in text


def test_a_run_that_does_not_exist_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        page([tmp_path / "nowhere"], tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_a_page_of_gaps_and_mixtures_alone_never_loads_torch(run, tmp_path):
    for checkpoint in run.rglob("*.pt"):
        checkpoint.unlink()
    code = (
        "import sys; from pathlib import Path; from avgap.report import describe, page; "
        "run = Path(sys.argv[1]); page([run], Path(sys.argv[2])); "
        "describe(run / 'gaps.h5', verify=True); describe(run / 'gmm.json'); "
        "[page([run], Path(sys.argv[2]).with_name(name), format=name) for name in "
        "('md', 'latex', 'csv', 'json', 'figures')]; "
        "assert 'torch' not in sys.modules"
    )
    words = [sys.executable, "-c", code, run, tmp_path / "report.html"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_runs_of_the_same_name_are_told_apart_by_their_path() -> None:
    from pathlib import Path

    from avgap.report.runview import short_names

    assert short_names([Path("a/run")]) == ["run"]
    assert short_names([Path("a/one"), Path("b/two")]) == ["one", "two"]
    assert short_names([Path("x/seed-0/run"), Path("x/seed-1/run")]) == ["seed-0/run", "seed-1/run"]
    assert short_names([Path("run"), Path("run")]) == ["run", "run"]


@pytest.mark.parametrize(
    ("components", "words"),
    [(1, "were taken as one balanced group"), (3, "the audio leads in ")],
)
def test_a_page_tells_of_one_component_and_of_three(run, tmp_path, components, words):
    for place in (run, run / "adapt" / "step-01", run / "adapt" / "step-02"):
        fitgmm(place / "gaps.h5", place / "gmm.json", Fit(components), force=True)
    page([run], tmp_path / "report.html")
    reader = Reader((tmp_path / "report.html").read_text())
    assert words in reader.text
    assert ("audio-dominant" in reader.text) == (components == 3)


def test_a_crossfit_folder_makes_one_page_with_its_folds_as_a_table(tmp_path, cache):
    result = page([make_crossfit(tmp_path / "xf", cache)], tmp_path / "report.html")
    text = Reader((tmp_path / "report.html").read_text()).text
    for words in (
        "The modality gap, held out",
        "The networks that measured the held-out gaps",
        "fold clips held out fused right on them, % fused, % val audio, % val visual, % val",
        "1 20 100.0 60.0 50.0 40.0",
        "All samples",
    ):
        assert words in text
    assert "Accuracy before and after" not in text
    assert "Accuracy over the epochs" not in text
    (numbers,) = result.runs
    assert numbers["folds"][2]["n"] == 20
    assert numbers["gaps"][0] == {
        "name": "held out", "held_out": True, "n": 60, "mean_gap": pytest.approx(0.174, abs=1e-3),
        "beyond": 0.25, "audio_leads": 40, "visual_leads": 20,
        "accuracy": {"fused": 1.0, "audio": 1.0, "visual": 1.0},
    }  # fmt: skip


def test_a_warning_stands_on_the_page_once(run, tmp_path):
    page([run], tmp_path / "report.html")
    text = Reader((tmp_path / "report.html").read_text()).text
    assert text.count("these clips are known by heart (100.0 % right)") == 1
    assert "These clips are known by heart" not in text


def test_a_round_without_groups_has_no_share_in_any_table(run, tmp_path, cache):
    from test_report_words import without_groups

    without_groups(run, cache, seed=1)
    page([run], tmp_path / "report.html")
    text = Reader((tmp_path / "report.html").read_text()).text
    assert "They show no two groups, so that no mixture is drawn." in text
    assert "after round 1: no two groups" in text  # in the figure
    assert "after warm-up in-sample no two groups" in text  # in the table
    assert "posterior above ½" not in text
    assert "The mixtures" not in text
    assert "Every round is counted by |gap| > 0.5, for no round shows two groups;" in text
