"""Anybody's scores become gaps: every kind of file, every way of giving them, every refusal."""

from __future__ import annotations

import csv
import json
import math
import re
import shlex
import sys
from pathlib import Path

import h5py
import numpy as np
import pyarrow
import pytest
import torch
from calling import START, call, fails
from pyarrow import parquet

from avgap.artifact import read_stamp
from avgap.artifact.arrays import plain, texts
from avgap.artifact.gaps import read_gaps
from avgap.artifact.scores import true_class_prob
from avgap.errors import InputError, OutputError
from avgap.gaps import gaps_of_predictions
from avgap.models import scores as torch_scores

LN3 = math.log(3)
# Two classes. Scores of the true class: audio 3/4, 1/2, 1/4; visual 1/2, 3/4, 1/4.
AUDIO = np.array([[LN3, 0.0], [0.0, 0.0], [LN3, 0.0]])
VISUAL = np.array([[0.0, 0.0], [0.0, LN3], [LN3, 0.0]])
LABEL = np.array([0, 1, 1])
GAP = [0.25, -0.25, 0.0]
IDS = np.array(["a", "b", "c"])


def softmax(logits):
    exp = np.exp(logits)
    return exp / exp.sum(axis=1, keepdims=True)


def save(path, **arrays):
    """Arrays by name in the way that the ending asks for; (N, M) as columns in a table."""
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                text = np.asarray(array).dtype.kind == "U"
                file[name] = [str(v) for v in array] if text else array
    else:
        columns = {}
        for name, array in arrays.items():
            if np.ndim(array) == 2:
                columns |= {f"{name}_{i}": column for i, column in enumerate(np.transpose(array))}
            else:
                columns[name] = array
        save_table(path, columns)
    return path


def save_table(path, columns):
    lists = {name: np.asarray(column).tolist() for name, column in columns.items()}
    if path.suffix == ".parquet":
        parquet.write_table(pyarrow.table(lists), path)
    else:
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(lists)
            writer.writerows(zip(*lists.values(), strict=True))
    return path


def measured(path, **options):
    return gaps_of_predictions(path, path.with_name("gaps.h5"), force=True, **options).table


KINDS = ("npz", "h5", "csv", "parquet")


@pytest.mark.parametrize("kind", KINDS)
def test_logits_of_every_kind_of_file_give_the_gaps_computed_by_hand(tmp_path, kind):
    path = save(
        tmp_path / f"scores.{kind}", id=IDS, label=LABEL, audio_logits=AUDIO, visual_logits=VISUAL
    )
    table = measured(path)
    assert table.gap.tolist() == pytest.approx(GAP)
    assert table.audio_prob.tolist() == pytest.approx([3 / 4, 1 / 2, 1 / 4])
    assert (table.id, table.label.tolist()) == (["a", "b", "c"], [0, 1, 1])
    assert table.audio_pred.tolist() == [0, 0, 0]
    assert table.visual_pred.tolist() == [0, 1, 0]
    # The sum of the logits: (ln 3, 0), (0, ln 3), (2 ln 3, 0).
    assert table.fused_pred.tolist() == [0, 1, 0]
    assert table.audio_logits is None
    assert read_gaps(tmp_path / "gaps.h5").gap.tolist() == table.gap.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_of_all_classes_or_of_the_true_one_give_the_same_gaps(tmp_path, kind):
    whole = save(
        tmp_path / f"whole.{kind}",
        label=LABEL,
        audio_prob=softmax(AUDIO),
        visual_prob=softmax(VISUAL),
    )
    table = measured(whole)
    assert table.gap.tolist() == pytest.approx(GAP)
    assert table.fused_pred.tolist() == [0, 1, 0]
    true = save(
        tmp_path / f"true.{kind}", audio_prob=[0.75, 0.5, 0.25], visual_prob=[0.5, 0.75, 0.25]
    )
    table = measured(true)
    assert table.gap.tolist() == GAP
    assert (table.label, table.fused_pred, table.audio_pred) == (None, None, None)
    assert table.id == ["0", "1", "2"]


def test_the_score_is_that_of_the_training_loss():
    rng = np.random.default_rng(0)
    logits, label = rng.normal(0, 30, (200, 7)), rng.integers(0, 7, 200)
    theirs = torch_scores.true_class_prob(torch.from_numpy(logits), torch.from_numpy(label))
    np.testing.assert_allclose(true_class_prob(logits, label), theirs.numpy(), rtol=1e-12)


def test_fused_scores_decide_the_fused_prediction_where_they_are_given(tmp_path):
    given = {"label": LABEL, "audio_logits": AUDIO, "visual_logits": VISUAL}
    fused = np.array([[0.0, 2.0], [2.0, 0.0], [0.0, 2.0]])
    assert measured(save(tmp_path / "a.npz", **given, fused_logits=fused)).fused_pred.tolist() == [
        1,
        0,
        1,
    ]
    path = save(tmp_path / "b.npz", **given, fused_prob=softmax(fused))
    assert measured(path).fused_pred.tolist() == [1, 0, 1]
    stated = save(tmp_path / "c.npz", **given, fused_logits=fused, fused_pred=np.array([0, 0, 0]))
    assert measured(stated).fused_pred.tolist() == [0, 0, 0]


def test_logits_are_kept_where_they_are_asked_for(tmp_path):
    given = {"label": LABEL, "audio_logits": AUDIO, "visual_logits": VISUAL}
    table = measured(save(tmp_path / "a.npz", **given), logits=True)
    np.testing.assert_allclose(table.fused_logits, AUDIO + VISUAL, rtol=1e-6)
    assert table.audio_logits.dtype == np.float32
    path = save(tmp_path / "b.npz", audio_prob=[0.5, 0.4], visual_prob=[0.5, 0.4])
    with pytest.raises(InputError, match="holds no logits to keep"):
        measured(path, logits=True)


# ---------------------------------------------------------------- names of classes


def test_class_names_in_an_array_give_labels_their_index(tmp_path):
    names, label = np.array(["dog", "ant"]), np.array(["dog", "ant", "ant"])
    for kind in ("npz", "h5"):
        path = save(
            tmp_path / f"a.{kind}",
            label=label,
            classes=names,
            audio_logits=AUDIO,
            visual_logits=VISUAL,
        )
        assert measured(path).label.tolist() == [0, 1, 1]
    assert read_stamp(tmp_path / "gaps.h5").parameters["classes"] == ["dog", "ant"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_class_names_in_columns_put_every_modality_in_one_order(tmp_path, kind):
    audio, visual = softmax(AUDIO).T, softmax(VISUAL).T
    columns = {
        "label": ["dog", "ant", "ant"],
        "audio_prob_dog": audio[0],
        "audio_prob_ant": audio[1],
        "visual_prob_ant": visual[1],
        "visual_prob_dog": visual[0],
        "audio_path": ["x", "y", "z"],
    }
    table = measured(save_table(tmp_path / f"a.{kind}", columns))
    assert table.gap.tolist() == pytest.approx(GAP)
    assert table.visual_pred.tolist() == [0, 1, 0]


def test_short_names_of_columns_are_logits(tmp_path):
    columns = {"label": LABEL}
    for i in (1, 0):
        columns |= {f"audio_{i}": AUDIO[:, i], f"visual_{i}": VISUAL[:, i]}
    assert measured(save_table(tmp_path / "a.csv", columns)).gap.tolist() == pytest.approx(GAP)


def test_a_column_of_lists_in_parquet_is_an_array(tmp_path):
    columns = {"label": LABEL, "audio_logits": AUDIO, "visual_logits": VISUAL}
    assert measured(save_table(tmp_path / "a.parquet", columns)).gap.tolist() == pytest.approx(GAP)


def test_names_without_scores_of_all_classes_are_sorted(tmp_path):
    path = save(
        tmp_path / "a.csv",
        label=["10", "9", "x"],
        audio_prob=[0.1, 0.2, 0.3],
        visual_prob=[0.1] * 3,
    )
    assert measured(path).label.tolist() == [1, 0, 2]


def test_names_that_nothing_puts_in_order_are_refused(tmp_path):
    path = save(
        tmp_path / "a.npz",
        label=np.array(["b", "a", "a"]),
        audio_logits=AUDIO,
        visual_logits=VISUAL,
    )
    with pytest.raises(InputError, match=r"nothing says which class is which(.|\n)*try: an array"):
        measured(path)


# ---------------------------------------------------------------- refusals


def test_every_sample_that_cannot_be_used_is_told_by_its_id(tmp_path):
    rng = np.random.default_rng(0)
    prob = softmax(rng.normal(size=(30, 3)))
    label, ids = np.arange(30) % 3, np.array([f"clip-{i}" for i in range(30)])
    logits = rng.normal(size=(30, 3))
    ids[1], label[2], prob[3, 1], logits[4, 0] = "clip-0", 3, np.nan, np.inf
    prob[5], prob[6], label[7] = prob[5] * 1.02, [1.5, -0.5, 0], -1
    for kind in KINDS:
        path = save(
            tmp_path / f"bad.{kind}", id=ids, label=label, audio_prob=prob, visual_logits=logits
        )
        with pytest.raises(InputError) as caught:
            measured(path)
        assert str(caught.value) == "\n".join(
            [
                f"{path}: 7 problems in 30 samples",
                "  the id 'clip-0' stands 2 times",
                "  clip-2: label is '3', not in 0 … 2",
                "  clip-7: label is '-1', not in 0 … 2",
                "  clip-3: audio_prob holds nan",
                "  clip-6: audio_prob holds 1.5, not in [0, 1]",
                "  clip-5: audio_prob sums to 1.02, not to 1 (± 0.005)",
                "  clip-4: visual_logits holds inf",
            ]
        )
        assert not (tmp_path / "gaps.h5").exists()


def test_only_the_first_ten_of_a_kind_are_told_and_the_others_counted(tmp_path):
    path = save(tmp_path / "a.npz", audio_prob=np.full(25, 2.0), visual_prob=np.full(25, 0.5))
    with pytest.raises(InputError) as caught:
        measured(path)
    assert len(caught.value.details) == 11
    assert caught.value.details[-1] == "and 15 more"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"audio_logits": None}, "no audio_logits and no audio_prob"),
        ({"audio_logits": None, "audio_logit": AUDIO}, r"\(is it 'audio_logit'\?\)"),
        ({"label": None}, "no label, which audio_logits needs"),
        ({"audio_logits": AUDIO[:, 0]}, r"audio_logits is float64 \(3,\), expected numbers, \(N"),
        ({"label": LABEL[:2]}, "samples: label 2, audio_logits 3, visual_logits 3"),
        ({"audio_logits": np.ones((3, 5))}, "classes: audio_logits 5, visual_logits 2"),
        ({"classes": np.array(["a", "b", "c"])}, "classes: audio_logits 2, .* classes 3"),
        ({"label": np.ones((3, 2))}, r"label is float64 \(3, 2\), expected names or integers"),
        ({"audio_logits": AUDIO[:, :1], "visual_logits": AUDIO[:, :1]}, "fewer than two classes"),
        ({"audio_logits": softmax(AUDIO)}, r"are probabilities, .*: name them audio_prob"),
        ({"label": LABEL[:0], "audio_logits": AUDIO[:0], "visual_logits": AUDIO[:0]}, "no samples"),
    ],
)  # fmt: skip
def test_arrays_that_do_not_fit_are_told_together(tmp_path, changes, words):
    arrays = {"label": LABEL, "audio_logits": AUDIO, "visual_logits": VISUAL, **changes}
    path = save(tmp_path / "a.npz", **{n: a for n, a in arrays.items() if a is not None})
    with pytest.raises(InputError, match="does not hold scores as expected") as caught:
        measured(path)
    assert re.search(words, str(caught.value))
    assert "it has: " in caught.value.details[-1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("id,audio_prob,visual_prob\na,0.5\n", r"1 rows do not fit the header\n  row 1: 2 of 3"),
        ("id,audio_prob,visual_prob\na,much,0.5\n", r"not numbers\n  a: audio_prob is 'much'"),
        ("id,audio_prob,visual_prob\na,,0.5\n", "a: audio_prob holds nan"),
        ("label,audio_0,audio_2,visual_0,visual_1\n0,1,1,1,1\n", "no column audio_logits_1"),
        ("label,audio_prob_a,audio_prob_b,visual_prob_a\na,1,0,1\n", "no column visual_prob_b"),
        ("audio_prob,audio_prob,visual_prob\n1,1,1\n", "columns of one name\n  'audio_prob'"),
        ("label,audio_0,audio_logits_0\n0,1,1\n", "audio_logits_0 says the same"),
    ],
)  # fmt: skip
def test_a_table_that_is_none_is_refused(tmp_path, text, words):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        measured(tmp_path / "a.csv")


def test_what_is_no_file_of_scores_is_refused(tmp_path, cache):
    (tmp_path / "a.npz").write_bytes(b"nothing")
    (tmp_path / "a.parquet").write_bytes(b"nothing")
    (tmp_path / "a.txt").write_text("")
    for name, words in (
        ("a.npz", "cannot be read"),
        ("a.parquet", "cannot be read as Parquet"),
        ("a.txt", "known endings: .npz, .h5, .csv, .parquet"),
        ("none.npz", "does not exist"),
        (cache.name, "is a cache, not a table of gaps"),
    ):
        with pytest.raises(InputError, match=words):
            measured(tmp_path / name)


def test_without_pyarrow_parquet_is_refused_with_the_line_that_installs_it(tmp_path, monkeypatch):
    path = save_table(tmp_path / "a.parquet", {"audio_prob": [0.5], "visual_prob": [0.5]})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"try: pip install 'avgap\[parquet\]'"):
        measured(path)


def test_a_probability_that_is_not_the_softmax_of_the_logits_beside_it_is_refused(tmp_path):
    given = {"label": LABEL, "audio_logits": AUDIO, "visual_logits": VISUAL}
    path = save(tmp_path / "a.npz", **given, audio_prob=[0.75, 0.6, 0.25])
    with pytest.raises(InputError, match=r"  1: audio_prob is 0.6, audio_logits give 0.5"):
        measured(path)


# ---------------------------------------------------------------- the question and the command


def test_the_same_scores_are_confirmed_and_others_refused(tmp_path):
    path = save(tmp_path / "a.npz", audio_prob=[0.5, 0.25], visual_prob=[0.25, 0.25])
    assert not gaps_of_predictions(path, tmp_path / "g.h5").up_to_date
    moved = path.rename(tmp_path / "b.npz")
    assert gaps_of_predictions(moved, tmp_path / "g.h5").up_to_date
    save(moved, audio_prob=[0.5, 0.75], visual_prob=[0.25, 0.25])
    with pytest.raises(OutputError, match=r"predictions: .* there, .* asked for"):
        gaps_of_predictions(moved, tmp_path / "g.h5")


@pytest.mark.parametrize("name", ["scores.h5", "scores.csv"])
def test_what_evaluate_saves_gives_the_gaps_of_the_gaps_command(work, name):
    assert call("evaluate", *START, "-o", "m.json", "--save-predictions", name).exit_code == 0
    assert call("gaps", *START, "-o", "own.h5", "--split", "test").exit_code == 0
    assert call("gaps", "--predictions", name, "-o", "read.h5").exit_code == 0
    own, read = read_gaps("own.h5"), read_gaps("read.h5")
    for column in ("gap", "label", "audio_prob", "fused_pred", "audio_pred", "visual_pred"):
        np.testing.assert_array_equal(getattr(own, column), getattr(read, column))
    assert read.id == own.id
    assert read.stamp.inputs.items() >= own.stamp.inputs.items()
    assert read.stamp.parameters["split"] == "test"
    assert read.stamp.hints["cache"] == "cache.h5"


def test_the_command_tells_the_result_and_what_comes_next(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "a.csv", id=IDS, label=LABEL, audio_logits=AUDIO, visual_logits=VISUAL)
    done = call("gaps", "--predictions", "a.csv", "-o", "g.csv", "--json")
    assert json.loads(done.stdout).items() >= {"n_samples": 3, "up_to_date": False}.items()
    assert done.stderr == "wrote g.csv\nnext: avgap fitgmm g.csv -o gmm.json\n"
    assert (
        call("gaps", "--predictions", "a.csv", "-o", "-")
        .stdout.splitlines()[1]
        .startswith("id,label")
    )
    assert "from predictions" in call("report", "g.csv", "--verify").stdout


WAYS = "  avgap gaps CACHE --checkpoint FILE -o GAPS\n  avgap gaps --predictions FILE -o GAPS\n"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("gaps -o g.h5", "gaps needs CACHE and --checkpoint, or --predictions\n"),
        ("gaps cache.h5 -o g.h5", "gaps needs --checkpoint, or --predictions\n"),
        ("gaps -c w.pt -o g.h5", "gaps needs CACHE, or --predictions\n"),
        ("gaps cache.h5 --predictions a.npz -o g.h5", "--predictions excludes CACHE\n"),
        (
            "gaps c.h5 -c w.pt --predictions a.npz -o g.h5 --split val --batch-size 2",
            "--predictions excludes CACHE, --checkpoint, --split, --batch-size\n",
        ),
    ],
)
def test_exactly_one_of_the_two_ways_is_taken(line, text):
    assert fails(2, *line.split()) == f"error: {text}{WAYS}"


def test_the_recipe_of_the_readme_works_in_a_plain_loop(tmp_path, monkeypatch):
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    section = readme.split("## Bring your own model")[1].split("\n## ")[0]
    recipe, commands = re.findall(r"```\w+\n(.*?)```", section, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    heads = [torch.nn.Linear(4, 3), torch.nn.Linear(5, 3)]
    inputs, label = [torch.randn(50, 4), torch.randn(50, 5)], torch.arange(50) % 3
    data = torch.utils.data.TensorDataset(*inputs, label)
    drop = torch.nn.Dropout()  # which eval() turns off

    class Model(torch.nn.Module):
        def forward(self, sound, sight):
            audio, visual = heads[0](drop(sound)), heads[1](sight)
            return audio, visual, audio + visual

    model = Model()
    model.drop = drop
    names = {
        "device": "cpu",
        "model": model,
        "loader": torch.utils.data.DataLoader(data, batch_size=16),
    }
    exec(recipe, names)
    for command in commands.splitlines():
        assert call(*shlex.split(command, comments=True)[1:]).exit_code == 0, command
    logits = [head(x) for head, x in zip(heads, inputs, strict=True)]
    expected = torch_scores.modality_gap(*logits, label).detach().numpy()
    np.testing.assert_allclose(read_gaps("gaps.h5").gap, expected, atol=1e-6)


def test_ids_of_bytes_and_numbers_are_texts():
    assert texts(plain(np.array([b"a", b"b"]))) == ["a", "b"]
    assert texts(np.array([3, 10])) == ["3", "10"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"classes": np.array(["a", "a"])}, "classes: a more than once"),
        ({"id": np.array(["a", "b\0c", "d"])}, "row 1: the id 'b\\x00c' is no text"),
        ({"label": np.array(["0", "9" * 400, "1"])}, "b: label is '999"),
        ({"label": np.array([0, 1e30, 1])}, "b: label is '1e+30', not in 0 … 1"),
        (
            {"label": np.array([0, 20, 1]), "classes": np.array([10, 20])},
            "b: label is '20', not in 0 … 1",
        ),
    ],
)
def test_labels_and_names_that_cannot_be_meant(tmp_path, change, told):
    arrays = {"audio_logits": AUDIO, "visual_logits": VISUAL, "label": LABEL, "id": IDS}
    path = save(tmp_path / "s.npz", **{**arrays, **change})
    with pytest.raises(InputError) as caught:
        gaps_of_predictions(path, tmp_path / "g.h5")
    assert told in str(caught.value)


def test_classes_whose_names_are_large_numbers(tmp_path):
    names = ("20230101", "20230102")
    head = ["label", *(f"{m}_logits_{name}" for m in ("audio", "visual") for name in names)]
    rows = [[names[label], *a, *v] for label, a, v in zip(LABEL, AUDIO, VISUAL, strict=True)]
    with (tmp_path / "s.csv").open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    made = gaps_of_predictions(tmp_path / "s.csv", tmp_path / "g.h5")
    np.testing.assert_allclose(made.table.gap, GAP, atol=1e-12)


def test_a_class_name_in_another_form_is_the_class(tmp_path):
    one, two = "caf\u00e9", "cafe\u0301"
    logits = np.eye(2)[[0, 1, 0]] * 2.0
    label = np.array([one, "dog", two])
    arrays = {"audio_logits": logits, "visual_logits": logits, "label": label}
    np.savez(tmp_path / "s.npz", classes=np.array([two, "dog"]), **arrays)
    assert gaps_of_predictions(tmp_path / "s.npz", "-").table.label.tolist() == [0, 1, 0]
    np.savez(tmp_path / "t.npz", classes=np.array([two, one]), **arrays)
    with pytest.raises(InputError, match="more than once"):
        gaps_of_predictions(tmp_path / "t.npz", "-")


def test_a_table_of_ours_that_was_changed_is_refused(work):
    line = ["evaluate", *START, "-o", "e.json", "--save-predictions", "p.h5"]
    assert call(*line).exit_code == 0
    with h5py.File("p.h5", "r+") as file:
        file["audio_logits"][0, 0] += 1
    assert "is not what its stamp says" in fails(3, "gaps", "--predictions", "p.h5", "-o", "n.h5")
