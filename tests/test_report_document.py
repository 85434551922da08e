"""Every format of --format: what stands in it, and what it never replaces."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from typing import get_args

import numpy as np
import pytest
from runs import make_run

from avgap.artifact.gaps import Gaps
from avgap.cli import options
from avgap.errors import OutputError
from avgap.figures import MARK as FIGURE_MARK
from avgap.report import page, read_views, write
from avgap.report.document import ENDINGS, FORMATS, harmless, is_ours, markdown, slug
from avgap.report.rundocument import document, numbers
from avgap.report.runfolder import Moment, RunFolder
from avgap.report.runview import RunView


@pytest.fixture
def run(tmp_path, cache):
    return make_run(tmp_path / "run", cache)


def rows_of(path):
    first, *lines = path.read_text(encoding="utf-8").splitlines()
    assert first.startswith("# avgap report ")
    return list(csv.DictReader(lines))


# ---------------------------------------------------------------- formats


def test_markdown_has_the_verdict_and_every_table(run, tmp_path):
    page([run], tmp_path / "r.md", format="md", made_by="avgap report run -o r.md")
    text = (tmp_path / "r.md").read_text(encoding="utf-8")
    assert text.startswith("<!-- avgap report ")
    assert "25 % of the 60 samples are imbalanced" in text
    assert "These gaps are in-sample" in text
    assert "| after warm-up | in-sample | 60 | +0.174 | 25.0 | 40 | 20 |" in text
    assert "| fused | 60.0 | 70.0 |" in text
    assert "| visual:noise | 15 |" in text
    heads = [line for line in text.splitlines() if line.startswith("## ")]
    assert [h for h in heads if "By " in h] == [
        "## By class", "## By predicted class", "## By agreement", "## By corrupt"
    ]  # fmt: skip


def test_one_measurement_has_no_before_and_no_after(run, tmp_path):
    (run / "warmup" / "metrics.json").unlink()
    page([run], tmp_path / "r.md", format="md", made_by="avgap report run -o r.md")
    text = (tmp_path / "r.md").read_text(encoding="utf-8")
    assert "before" not in text.lower()
    assert "| modality | accuracy | macro F1 | mAP |" in text
    assert "| fused | 70.0 |" in text


def test_names_mean_nothing_to_markdown(tmp_path):
    table = Gaps(
        gap=np.array([0.5, -0.2, 0.1]), id=["a|b", "<b>", "*c*"], label=np.array([0, 1, 0])
    )
    moment = Moment(0, tmp_path / "a_b.h5", table, None, lone=True)
    run = RunFolder(tmp_path, [], [], [moment], {}, [])
    views = [RunView("run-1", "x|<y>", run, None, None, "")]
    text = markdown(document(views, "avgap report --> x"))
    assert r"# x\|\<y\>" in text
    assert text.splitlines()[0].count("-->") == 1


def test_latex_has_the_tables_with_their_signs_escaped(run, tmp_path):
    page([run], tmp_path / "r.tex", format="latex", by=["class"])
    text = (tmp_path / "r.tex").read_text(encoding="utf-8")
    assert text.startswith("% avgap report ")
    assert text.count(r"\begin{tabular}") == text.count(r"\bottomrule") == 6
    assert r"fused & 60.0 & 70.0" in text
    assert "imbalanced, \\%" in text
    assert not set(text) & set("−–πμσΔ₀₁²")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(run, tmp_path):
    page([run], tmp_path / "r.tex", format="latex")
    whole = r"\documentclass{article}\usepackage{booktabs}\begin{document}\input{r}\end{document}"
    (tmp_path / "whole.tex").write_text(whole)
    command = ["pdflatex", "-halt-on-error", "whole.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "whole.pdf").stat().st_size > 0


def test_csv_has_a_row_per_sample(run, tmp_path):
    page([run], tmp_path / "r.csv", format="csv")
    rows = rows_of(tmp_path / "r.csv")
    assert len(rows) == 60
    assert rows[1]["id"] == "train-1"
    assert (rows[1]["label"], rows[1]["spoiled"]) == ("middle", "visual:noise")
    assert float(rows[1]["gap"]) > 0.5 > float(rows[1]["last_gap"])
    assert float(rows[1]["posterior"]) > 0.99
    assert rows[1]["held_out"] == "0"
    assert "fold" not in rows[1]
    assert float(rows[1]["audio_prob"]) - float(rows[1]["visual_prob"]) > 0.5


def test_json_is_what_the_option_json_prints(run, tmp_path):
    result = page([run], tmp_path / "r.json", format="json")
    body = json.loads((tmp_path / "r.json").read_text())
    assert body["generator"].startswith("avgap report ")
    (there,) = body["runs"]
    told = there.pop("verdict")
    assert told[1].startswith("In sample, of 60 samples")
    assert "imbalanced" in told[2]
    assert there.pop("name") == "run"
    assert there == json.loads(json.dumps(result.runs[0]))


def test_figures_are_vector_pdfs_with_whole_fonts(run, tmp_path):
    page([run], tmp_path / "figures", format="figures")
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {"gaps.pdf", "evolution.pdf", "accuracy.pdf", "trajectories.pdf"} <= names
    assert {"by-class.pdf", "by-agreement.pdf", "by-corrupt.pdf"} <= names
    for name in names:
        body = (tmp_path / "figures" / name).read_bytes()
        assert b"/FontFile2" in body  # TrueType, embedded
        assert b"/Subtype /Type3" not in body
        assert b"/Subtype /Image" not in body
        assert FIGURE_MARK.encode() in body


def test_figures_fill_a_folder_and_no_file(run, tmp_path):
    (tmp_path / "there").write_text("mine")
    for name in ("there", "all.pdf"):
        with pytest.raises(OutputError, match="is not a folder"):
            page([run], tmp_path / name, format="figures")
    assert (tmp_path / "there").read_text() == "mine"


def test_a_foreign_file_among_the_figures_is_kept_and_nothing_is_drawn(run, tmp_path):
    folder = tmp_path / "figures"
    folder.mkdir()
    (folder / "gaps.pdf").write_bytes(b"%PDF mine")
    with pytest.raises(OutputError, match=r"gaps\.pdf exists and is not a figure of avgap"):
        page([run], folder, format="figures")
    assert [path.name for path in folder.iterdir()] == ["gaps.pdf"]


@pytest.mark.parametrize("format", list(FORMATS))
def test_every_format_knows_its_own_files_and_no_other(run, tmp_path, format):
    output = tmp_path / "r.out"
    page([run], output, format=format)
    assert is_ours(output)
    page([run], output, format=format)
    output.write_text("mine")
    assert not is_ours(output)
    with pytest.raises(OutputError, match="is not a report of avgap"):
        page([run], output, format=format)
    assert output.read_text() == "mine"


@pytest.mark.parametrize("format", list(FORMATS))
def test_two_runs_fit_in_every_format(run, tmp_path, cache, format):
    other = make_run(tmp_path / "other", cache, after=0.5)
    views = read_views([run, other])
    text = FORMATS[format](document(views))
    assert "other" in text
    assert [r["accuracy"]["adapt"]["fused"] for r in numbers([v.numbers() for v in views])["runs"]]


def test_names_of_files_are_made_of_letters():
    assert slug("by-speakers.csv: home / town") == "by-speakers.csv-home-town"
    assert slug("../..") == "figure"


def test_write_gives_the_numbers_of_every_run(run, tmp_path):
    views = read_views([run])
    assert write(views, tmp_path / "r.html", "html").as_dict()["planted_auc"] > 0.95


def test_the_option_offers_every_format():
    literal, _ = get_args(get_args(options.ReportFormat)[0])
    assert set(get_args(literal)) == {*FORMATS, "figures"} >= set(ENDINGS.values())


def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe_and_numbers_stay():
    row = {"id": "=HYPERLINK(1)", "by": "@x", "note": "-a", "tab": "\tb", "gap": -0.5}
    row |= {"text": "-0.5", "plain": "a=b", "sum": "+1"}
    (made,) = harmless([row])
    assert made == {
        "id": "'=HYPERLINK(1)",
        "by": "'@x",
        "note": "'-a",
        "tab": "'\tb",
        "gap": -0.5,
        "text": "-0.5",
        "plain": "a=b",
        "sum": "+1",
    }
