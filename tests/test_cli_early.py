"""What a command line alone can tell: told without torch, h5py and scikit-learn, as stages do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from calling import call, fails

from avgap.cli import early

START = "cache.h5 -c run/warmup/checkpoint.pt"
# A line, its exit status and how its error begins. All of it the stages tell alike.
LINES = [
    ("prepare avdigit . -o c.h5", 2, "unknown dataset 'avdigit'\n  known: csv, avdigits, demo,"),
    ("prepare csv none -o c.h5", 3, "none does not exist\n"),
    ("prepare cremad cache.h5 -o c.h5", 3, "cache.h5 is a file, not the folder of cremad\n"),
    ("prepare csv clips.csv -o c.h5 --splits none", 3, "none does not exist\n"),
    ("prepare csv clips.csv -o c.txt", 4, "c.txt is no name for a cache\n  try: -o c.txt.h5\n"),
    ("merge none -o c.h5", 3, "none does not exist\n"),
    ("warmup none.h5 -o w", 3, "none.h5 does not exist\n"),
    ("warmup run -o w", 3, "run is a folder, not an artifact\n"),
    ("warmup cache.h5 -o clips.csv", 4, "clips.csv is a file, not a training folder\n"),
    (
        "warmup cache.h5 -o w --encoder resnet81",
        2,
        "unknown encoder 'resnet81'\n  known: resnet18,",
    ),
    ("warmup cache.h5 -o w --device gpu", 2, "unknown device 'gpu'\n  known: auto, cpu, cuda,"),
    ("baseline ogm-gee cache.h5 -o w", 2, "unknown method 'ogm-gee'\n  known: audio-only,"),
    (
        "baseline ogm-ge cache.h5 -o w --set alhpa=1 --set noise",
        2,
        "ogm-ge cannot be set so\n  unknown setting 'alhpa': alpha?\n  'noise' is no NAME=VALUE\n"
        "  its settings: alpha=0.8, starts=0, ends=50, noise=true, variant=code\n",
    ),
    ("baseline joint none.h5 -o w", 3, "none.h5 does not exist\n"),
    ("gaps none.h5 -c run/warmup/checkpoint.pt -o g.h5", 3, "none.h5 does not exist\n"),
    ("gaps cache.h5 -c none.pt -o g.h5", 3, "none.pt does not exist\n"),
    (f"gaps {START} -o g.txt", 4, "g.txt is no name for a table of gaps\n  try: -o g.txt.h5\n"),
    (f"gaps {START} -o g.h5 --device cuda:x", 2, "unknown device 'cuda:x'\n"),
    ("gaps --predictions none.npz -o g.h5", 3, "none.npz does not exist\n"),
    ("gaps --predictions clips.txt -o g.h5", 3, "clips.txt is not a file of scores\n  known"),
    ("fitgmm none.h5 -o m.json", 3, "none.h5 does not exist\n"),
    (
        "fitgmm run/gmm.json -o m.json",
        3,
        "run/gmm.json is not a table of gaps\n  known endings: .h5",
    ),
    ("fitgmm run/gaps.h5 -o m.h5", 4, "m.h5 is no name for a mixture\n  try: -o m.h5.json\n"),
    ("fitgmm run/gaps.h5 -o m.json --plot p.xyz", 4, "cannot draw p.xyz\n  known endings: .png,"),
    ("adapt cache.h5 -c none.pt -o a", 3, "none.pt does not exist\n"),
    (f"adapt {START} -o a --gmm none.json", 3, "none.json does not exist\n"),
    (f"adapt {START} -o clips.csv", 4, "clips.csv is a file, not a training folder\n"),
    ("evaluate cache.h5 -c none.pt -o m.json", 3, "none.pt does not exist\n"),
    (f"evaluate {START} -o m.csv", 4, "m.csv is no name for a table of metrics\n"),
    (f"evaluate {START} -o m.json --save-predictions p", 4, "p is no name for a table of gaps\n"),
]
# Lines that the commands alone tell, or in clearer words than the system's.
ALONE = [
    ("prepare csv . -o c.h5 --audio-recipe omg", 2, "unknown audio recipe 'omg'\n"),
    ("prepare csv clips.csv -o c.h5 --corrupt visul:0.1", 2, "cannot corrupt 'visul:0.1'\n"),
    ("prepare csv clips.csv -o c.h5 --shard 5/4", 2, "--shard 5/4: share 5 of 4 does not exist"),
    ("merge cache.h5 -o c.txt", 4, "c.txt is no name for a cache\n"),
    ("gaps cache.h5 -o g.h5", 2, "gaps needs --checkpoint, or --predictions\n"),
    ("gaps cache.h5 -c run -o g.h5", 3, "run is a folder, not an artifact\n"),
    (f"gaps {START} --predictions p.npz -o g.h5", 2, "--predictions excludes CACHE, --checkpoint"),
    ("fitgmm folder.h5 -o m.json", 3, "folder.h5 is a folder, not an artifact\n"),
    ("fitgmm run/gaps.h5 -o - --json", 2, "-o - prints the artifact, --json the result: choose"),
    ("fitgmm run/gaps.h5 -o m.json --bootstrap 1", 2, "one resample has no spread\n"),
    (f"adapt {START} -o a --loss joint --alpha 2", 2, "--loss joint has no --alpha\n"),
    (f"adapt {START} -o a --gmm run/gmm.json --components 3", 2, "--gmm is a mixture already"),
    (f"adapt {START} -o a --gmm run/gmm.json --steps 3", 2, "--gmm is one round with that mix"),
    (f"evaluate {START} -o m.json --save-predictions -", 2, "--save-predictions writes a file\n"),
]

_BLOCKED = """
import json, sys
for name in ("torch", "h5py", "sklearn"):
    sys.modules[name] = None
from calling import call, fails
results = [call(*line.split()) for line in json.load(sys.stdin)]
json.dump([(r.exit_code, r.stdout, r.stderr) for r in results], sys.stdout)
"""


@pytest.fixture
def folder(work):
    Path("clips.csv").write_text("id,label,split,video\na,x,train,a.mp4\nb,x,test,b.mp4\n")
    Path("clips.txt").touch()
    Path("folder.h5").mkdir()
    return work


def test_a_wrong_line_is_told_where_torch_h5py_and_sklearn_cannot_be_imported(folder, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    before = sorted(folder.rglob("*"))
    lines = LINES + ALONE
    done = subprocess.run(
        [sys.executable, "-c", _BLOCKED],
        input=json.dumps([line for line, _, _ in lines]),
        capture_output=True,
        text=True,
        check=True,
    )
    for (line, status, text), result in zip(lines, json.loads(done.stdout), strict=True):
        assert result[:2] == [status, ""], (line, result)
        assert result[2].startswith(f"error: {text}"), (line, result)
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("line", [line for line, _, _ in LINES])
def test_the_stages_say_the_same(folder, monkeypatch, line):
    told = call(*line.split())
    for name in vars(early):
        if name.startswith("expect_"):
            monkeypatch.setattr(early, name, lambda *_: None)
    by_stage = call(*line.split())
    assert (by_stage.exit_code, by_stage.stderr) == (told.exit_code, told.stderr)


def test_a_training_folder_stands_for_its_checkpoint(work: Path) -> None:
    asked = ["gaps", "cache.h5", "-o", "of-folder.h5", "-c"]
    assert call(*asked, "run/warmup").exit_code == 0
    told = call(*asked, "run/warmup/checkpoint.pt").stderr
    assert "up to date: of-folder.h5" in told
    assert "is a folder" in fails(3, *asked[:2], "-o", "x.h5", "-c", "run")
