"""--by: a table of the user's joined by id, names of columns, and every way that can fail."""

from __future__ import annotations

import numpy as np
import pytest
from runs import gaps_of, make_run, write_table

from avgap.artifact.gaps import Gaps
from avgap.errors import InputError, UsageError
from avgap.fitgmm import fitgmm
from avgap.report import read_views, write_trajectories
from avgap.report.grouping import By, columns_of_table, groupings, read_by, read_table

IDS = ["a", "b", "c"]
GAPS = Gaps(
    gap=np.array([0.5, -0.2, 0.1]),
    id=IDS,
    label=np.array([0, 1, 1]),
    fused_pred=np.array([0, 1, 0]),
    audio_pred=np.array([0, 0, 0]),
    visual_pred=np.array([1, 1, 0]),
)


def table(tmp_path, text):
    path = tmp_path / "speakers.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_trajectories_of_a_run_can_group_its_samples(tmp_path, cache):
    run = make_run(tmp_path / "run", cache)
    gap = gaps_of(0.3)
    gap[:5] = 0.7  # five stay where the mixture after warm-up calls them imbalanced
    later = run / "adapt" / "step-02"
    write_table(later / "gaps.h5", cache, "e" * 64, gap)
    fitgmm(later / "gaps.h5", later / "gmm.json", force=True)
    write_trajectories(read_views([run]), tmp_path / "moved.csv")
    (view,) = read_views([run], None, read_by([str(tmp_path / "moved.csv")]))
    groups = view.breakdowns["moved.csv: never_moved"]
    assert sum(group.n for group in groups) == 60
    assert {group.name: group.n for group in groups} == {"0": 55, "1": 5}


def test_every_column_of_a_table_groups_the_samples(tmp_path):
    path = table(tmp_path, "sex,id,age\nf,b,30\nm,a,40\nf,c,30\n")
    found = groupings(GAPS, ("x", "y"), {}, read_by([str(path)]))
    assert list(found) == [
        "speakers.csv: sex", "speakers.csv: age", "class", "predicted class", "agreement"
    ]  # fmt: skip
    sex = found["speakers.csv: sex"]
    assert [sex.names[i] for i in sex.index] == ["m", "f", "f"]
    agreement = found["agreement"]
    assert [agreement.names[i] for i in agreement.index] == ["only audio", "only visual", "neither"]


def test_a_byte_order_mark_and_our_own_stamp_line_are_passed_over(tmp_path):
    path = table(tmp_path, "\ufeffid,x\na,1\n")
    assert read_table(path) == {"x": {"a": "1"}}
    assert read_table(table(tmp_path, '# {"format": "avgap.gaps"}\nid,x\na,1\n')) == {
        "x": {"a": "1"}
    }


@pytest.mark.parametrize(
    ("text", "what", "detail"),
    [
        ("name,sex\na,f\n", "has no column 'id'", "it has: name, sex"),
        ("ID,sex\na,f\n", "has no column 'id'", "is it 'ID'?"),
        ("id\na\n", "has no column beside id", None),
        ("id,sex\n", "is empty", "columns: id, sex"),
        ("id,sex\na,f\nb,m\na,f\nb,f\nb,f\n", "names 2 ids twice", "b"),
    ],
)
def test_a_table_that_cannot_be_used_is_told_as_such(tmp_path, text, what, detail):
    with pytest.raises(InputError, match=what) as caught:
        read_table(table(tmp_path, text))
    assert detail is None or detail in caught.value.details


def test_a_missing_and_an_unreadable_table_are_told_as_such(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv does not exist"):
        read_by([str(tmp_path / "none.csv")])
    path = tmp_path / "bad.csv"
    path.write_bytes(b"id,x\n\xff\xfe,1\n")
    with pytest.raises(InputError, match="cannot be read as CSV"):
        read_table(path)


def test_samples_and_ids_that_do_not_meet_are_told_and_grouped_apart(tmp_path, capsys):
    path = table(tmp_path, "id,sex\na,f\nz,m\n")
    columns = columns_of_table(path, read_table(path), IDS)
    assert columns == {"sex": ["f", "", ""]}
    said = capsys.readouterr().err
    assert "does not know 2 of the samples: b, c" in said
    assert "also names 1 ids without a sample: z" in said


def test_a_table_of_other_samples_is_refused(tmp_path):
    path = table(tmp_path, "id,sex\nx,f\ny,m\n")
    with pytest.raises(InputError, match="knows none of the 3 samples") as caught:
        columns_of_table(path, read_table(path), IDS)
    assert caught.value.details == ("it names      x, y", "the gaps have a, b, c")


def test_a_table_cannot_be_joined_to_gaps_without_ids(tmp_path):
    path = table(tmp_path, "id,sex\na,f\n")
    with pytest.raises(InputError, match="the gaps have no ids"):
        groupings(Gaps(gap=np.zeros(1)), (), {}, read_by([str(path)]))


def test_an_unknown_column_is_told_with_the_known_ones():
    with pytest.raises(UsageError, match="--by speker: no such column") as caught:
        groupings(GAPS, (), {"speaker": ["x", "y", "y"]}, By(("speker",)))
    assert caught.value.details == ("there are: class, predicted class, agreement, speaker",)
    assert caught.value.hint == "--by speaker"


def test_columns_of_the_cache_are_shown_where_they_part_the_samples(tmp_path, cache):
    meta = {
        "speaker": ["x", "y", "y", "x"],
        "video": ["1", "2", "1", "2"],  # names files
        "corrupt": ["", "", "", ""],  # one group
        "recording": ["1", "2", "3", "4"],  # one sample each
    }
    gaps = Gaps(gap=np.zeros(4), id=["a", "b", "c", "d"])
    assert list(groupings(gaps, (), meta, By())) == ["speaker"]
    assert list(groupings(gaps, (), meta, By(("recording",)))) == ["recording", "speaker"]


def test_the_caches_columns_of_a_run_are_broken_down(tmp_path, cache):
    (view,) = read_views([make_run(tmp_path / "run", cache)], None, By(("corrupt",)))
    corrupted, clean = view.breakdowns["corrupt"]
    assert (corrupted.name, corrupted.n, corrupted.dominant) == ("visual:noise", 15, "audio")
    assert (clean.n, clean.dominant) == (45, "neither")
    assert corrupted.imbalanced.value == 1
