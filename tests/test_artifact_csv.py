"""The one reader of CSV: what is read, what is refused, at every door where a table comes in."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from calling import call

from avgap import artifact
from avgap.artifact import Stamp, gapstream
from avgap.artifact.csv import read_csv, read_csv_of_stdin
from avgap.artifact.gaps import read_gaps
from avgap.artifact.gapstream import collect
from avgap.artifact.predictions import read_scores
from avgap.data.datasets import DATASETS
from avgap.data.split_lists import read_splits
from avgap.errors import InputError
from avgap.report.grouping import read_table


def test_names_have_no_spaces_around_and_a_byte_order_mark_is_none_of_them(tmp_path, monkeypatch):
    text = "\ufeffid , gap\r\na,0.5\r\n\r\nb, 1\r\n"
    (tmp_path / "a.csv").write_bytes(text.encode())
    monkeypatch.setattr(sys, "stdin", io.StringIO(text, newline=""))
    for table in (read_csv(tmp_path / "a.csv"), read_csv_of_stdin()):
        assert table == ({}, ["id", "gap"], [["a", "0.5"], ["b", "1"]], [2, 4])


@pytest.mark.parametrize("id", ["a\rb", "a\r\nb", "a\nb", 'a"b', "a,b", " a "])
def test_an_id_comes_back_as_it_was_written(tmp_path, monkeypatch, id):
    file = io.StringIO(newline="")
    artifact.to_csv(Stamp("avgap.gaps", "d", {}, {}, {}), {"id": [id, "x"], "gap": [0.5, 1]}, file)
    artifact.write_text(tmp_path / "a.csv", file.getvalue())
    piped = io.TextIOWrapper(io.BytesIO((tmp_path / "a.csv").read_bytes()))
    monkeypatch.setattr(sys, "stdin", piped)
    for table in (read_csv(tmp_path / "a.csv"), read_csv_of_stdin()):
        assert table.keys["format"] == "avgap.gaps"
        assert table.rows == [[id, "0.5"], ["x", "1"]]


def test_a_row_is_known_by_the_line_it_begins_in(tmp_path):
    (tmp_path / "a.csv").write_text('# {"format": "x"}\nid,gap\n\n"a\nb",1\nc,2\n')
    table = read_csv(tmp_path / "a.csv")
    assert (table.rows, table.lines) == ([["a\nb", "1"], ["c", "2"]], [4, 6])


def test_many_rows_that_do_not_fit_are_counted_and_the_first_told(tmp_path):
    (tmp_path / "a.csv").write_text("id,gap\na,1\n" + "b\n" * 12)
    with pytest.raises(InputError, match=r"a\.csv: 12 rows do not fit the header") as caught:
        read_csv(tmp_path / "a.csv")
    assert caught.value.details[0] == "row 2: 1 of 2 columns"
    assert caught.value.details[-1] == "and 2 more"


def test_a_closed_standard_input_is_told(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="standard input is closed"):
        read_csv_of_stdin()


# ---------------------------------------------------------------- the doors


class Door(NamedTuple):
    """Where a table comes in: its file, two lines that are right there, and who reads it."""

    file: str
    header: str
    row: str
    read: Callable[[Path], Any]


def piped(path: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
        return vars(read_gaps("-"))


def in_pieces(path: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gapstream, "_LARGE_CSV", -1)
        return collect([path], 1e-6).gap.total.tolist()


def with_media(path: Path) -> Any:
    (path.parent / "1001_IEO_NEU_XX.flv").write_bytes(b"x")
    return DATASETS["cremad"](path.parent)


def with_test_list(path: Path) -> Any:
    (path.parent / "test.csv").write_text("z,x\n")
    return read_splits(path.parent)


def with_kinetics_test(path: Path) -> Any:
    (path.parent / "my_test.txt").write_text("abcdefghijk_000001,10,0\n")
    return DATASETS["kinetics-sounds"](path.parent)


TABLES = {
    "gaps": Door("t.csv", "id,gap", "a,0.5", lambda path: vars(read_gaps(path))),
    "gaps of standard input": Door("t.csv", "id,gap", "a,0.5", piped),
    "gaps in pieces": Door("t.csv", "id,gap", "a,0.5", in_pieces),
    "scores": Door(
        "t.csv",
        "id,audio_prob,visual_prob",
        "a,0.5,1",
        lambda path: {n: a.tolist() for n, a in read_scores(path).arrays.items()},
    ),
    "csv": Door("clips.csv", "id,label,split,video", "a,x,train,a.mp4", DATASETS["csv"]),
    "votes": Door("tabulatedVotes.csv", ",N,fileName,numResponses", "1,5,1001_IEO_NEU_XX,10",
                  with_media),
    "names": Door("SentenceFilenames.csv", "Number,Filename", "1,1001_IEO_NEU_XX", with_media),
    "--splits FILE": Door("t.csv", "id,split", "a,train", read_splits),
    "--splits FOLDER": Door("train.csv", "id,label", "a,x", with_test_list),
    "--by": Door("t.csv", "id,speaker", "a,x", read_table),
}  # fmt: skip
LISTS = {
    "--splits FILE": Door("t.csv", "", "a,x,train", read_splits),
    "--splits FOLDER": Door("train.csv", "", "a,x", with_test_list),
    "kinetics-sounds": Door("my_train.txt", "", "abcdefghijk_000000_000010,10,0",
                            with_kinetics_test),
    "vggsound": Door("vggsound.csv", "", "abcdefghijk,0,bird,train",
                     lambda path: DATASETS["vggsound"](path.parent)),
    "ave": Door("Annotations.txt", "", "bird&abc&good&0&10",
                lambda path: DATASETS["ave"](path.parent)),
}  # fmt: skip

BAD_TEXTS = {
    "Latin-1": (lambda door: f"{door.header}\n{door.row}é\n".lstrip("\n").encode("latin-1"),
                ["cannot be read as CSV", "can't decode byte 0xe9", "try: save it as UTF-8"]),
    "UTF-16": (lambda door: f"{door.header}\n{door.row}\n".lstrip("\n").encode("utf-16-le"),
               ["cannot be read as CSV\n  line 1 holds NUL\n  try: save it as UTF-8"]),
    "empty": (lambda door: b"", [" is empty"]),
    "blank": (lambda door: b"\xef\xbb\xbf\r\n\n  \n", [" is empty"]),
}  # fmt: skip
BAD_MARKS = {
    "semicolons": (lambda door: f"{door.header}\n{door.row}\n".lstrip("\n").replace(",", ";"),
                   ["has ';' between its columns\n  its first line: ", "try: commas between"]),
    "tabs": (lambda door: f"{door.header}\n{door.row}\n".lstrip("\n").replace(",", "\t"),
             ["has '\\t' between its columns"]),
    "open quote": (lambda door: f'{door.header}\n{door.row}\n"{door.row}\n'.lstrip("\n"),
                   ["cannot be read as CSV", "unexpected end of data"]),
}  # fmt: skip
BAD_TABLES = {
    "one name twice": (lambda door: f"{door.header},x,x\n{door.row},1,2\n",
                       ["has columns of one name\n  'x'"]),
    "too long": (lambda door: f"{door.header}\n{door.row}\n{door.row},9\n",
                 [": 1 rows do not fit the header\n  row 2: "]),
    "too short": (lambda door: f"{door.header}\n{door.row.rpartition(',')[0]}\n",
                  [": 1 rows do not fit the header\n  row 1: "]),
    "no rows": (lambda door: f"{door.header}\n", [" is empty\n  columns: "]),
}  # fmt: skip


def put(door: Door, folder: Path, content: str | bytes) -> Path:
    path = folder / door.file
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refused(door: Door, folder: Path, content: str | bytes) -> str:
    with pytest.raises(InputError) as caught:
        door.read(put(door, folder, content))
    assert caught.value.exit_code == 3
    return str(caught.value)


def pairs(doors, bad, apart):
    """Every door with every bad table, apart from those that are good there."""
    return [(door, name) for door in doors for name in bad if (door, name) not in apart]


EMPTY_SPLITS = {
    (door, bad) for door in ("--splits FOLDER", "kinetics-sounds") for bad in ("empty", "blank")
}
OTHER_MARK = {("ave", bad) for bad in BAD_MARKS}  # & is between its columns, a quote is a letter


@pytest.mark.parametrize(
    ("door", "bad"), pairs(TABLES, BAD_TEXTS | BAD_MARKS | BAD_TABLES, EMPTY_SPLITS)
)
def test_a_bad_table_is_told_alike_at_every_door(tmp_path, door, bad):
    make, told = (BAD_TEXTS | BAD_MARKS | BAD_TABLES)[bad]
    said = refused(TABLES[door], tmp_path, make(TABLES[door]))
    assert all(part in said for part in told), said


@pytest.mark.parametrize(
    ("door", "bad"), pairs(LISTS, BAD_TEXTS | BAD_MARKS, EMPTY_SPLITS | OTHER_MARK)
)
def test_a_bad_list_is_told_alike_at_every_door(tmp_path, door, bad):
    make, told = (BAD_TEXTS | BAD_MARKS)[bad]
    said = refused(LISTS[door], tmp_path, make(LISTS[door]))
    assert all(part in said for part in told), said


@pytest.mark.parametrize("form", ["mark", "cr lf", "cr", "spaces", "quotes", "blank", "commas"])
@pytest.mark.parametrize("door", TABLES)
def test_a_table_is_the_same_in_every_form_that_people_give_it(tmp_path, door, form):
    header, row = TABLES[door].header, TABLES[door].row
    wide = {line: line.replace(",", " , ") for line in (header, row)}
    quoted = {line: ", ".join(f'"{cell}"' for cell in line.split(",")) for line in (header, row)}
    content = {
        "mark": f"\ufeff{header}\n{row}",
        "cr lf": f"{header}\r\n{row}\r\n",
        "cr": f"{header}\r{row}\r",
        "spaces": f" {wide[header]} \n {wide[row]} \n",
        "quotes": f"{quoted[header]}\n{quoted[row]}\n",
        "blank": f"\n{header}\n\n{row}\n,,\n \n",
        "commas": f"{header},,\n{row},\n",
    }[form]
    plain = TABLES[door].read(put(TABLES[door], tmp_path, f"{header}\n{row}\n"))
    expected = repr(plain).replace(".csv:2", ".csv:4") if form == "blank" else repr(plain)
    assert repr(TABLES[door].read(put(TABLES[door], tmp_path, content))) == expected


def test_a_table_by_a_report_is_read_without_its_first_line(tmp_path):
    (tmp_path / "a.csv").write_text("# avgap report 1.0\nid,gap\na,0.5\n")
    assert read_csv(tmp_path / "a.csv")[:3] == ({}, ["id", "gap"], [["a", "0.5"]])


@pytest.mark.parametrize(
    "words",
    [
        "fitgmm t.csv -o m.json",
        "fitgmm - -o m.json",
        "gaps --predictions t.csv -o g.h5",
        "prepare csv t.csv -o c.h5",
        "report g.csv --by t.csv",
    ],
)
def test_a_command_says_what_is_wrong_with_a_table_and_ends_with_3(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    bad = "id,gap,gap\na,1,1\n"
    Path("t.csv").write_text(bad)
    Path("g.csv").write_text("id,gap\na,0.5\nb,0.1\n")
    done = call(*words.split(), stdin=bad)
    assert done.exit_code == 3
    assert "has columns of one name\n  'gap'" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"t.csv", "g.csv"}
