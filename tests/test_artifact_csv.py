"""A CSV as people write them: what is read, and what is refused."""

from __future__ import annotations

import io
import sys

import pytest

from avgap import artifact
from avgap.artifact import Stamp
from avgap.artifact.csv import parse_csv, read_csv, read_csv_of_stdin
from avgap.errors import InputError


def test_names_have_no_spaces_around_and_a_byte_order_mark_is_none_of_them(tmp_path, monkeypatch):
    text = "\ufeffid , gap\r\na,0.5\r\n\r\nb,1\r\n"
    (tmp_path / "a.csv").write_bytes(text.encode())
    monkeypatch.setattr(sys, "stdin", io.StringIO(text, newline=""))
    for table in (read_csv(tmp_path / "a.csv"), read_csv_of_stdin()):
        assert table == ({}, ["id", "gap"], [["a", "0.5"], ["b", "1"]])


@pytest.mark.parametrize("id", ["a\rb", "a\r\nb", "a\nb", 'a"b', "a,b", " a "])
def test_an_id_comes_back_as_it_was_written(tmp_path, id):
    file = io.StringIO(newline="")
    artifact.to_csv(Stamp("avgap.gaps", "d", {}, {}, {}), {"id": [id, "x"], "gap": [0.5, 1]}, file)
    artifact.write_text(tmp_path / "a.csv", file.getvalue())
    table = read_csv(tmp_path / "a.csv")
    assert table.keys["format"] == "avgap.gaps"
    assert table.rows == [[id, "0.5"], ["x", "1"]]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("id,gap\na,0,53\nb,1\n", "1 rows do not fit the header\n  row 1: 3 of 2 columns"),
        ("id,gap\na\n", "row 1: 1 of 2 columns"),
        ("id;gap\na;0,5\n", "  try: commas between the columns, points in the numbers"),
        ("id,gap,gap\na,0,1\n", "columns of one name\n  'gap'"),
    ],
)
def test_rows_unlike_the_header_are_told(text, told):
    with pytest.raises(InputError) as caught:
        parse_csv(text, "a.csv")
    assert told in str(caught.value)


def test_a_closed_standard_input_is_told(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="standard input is closed"):
        read_csv_of_stdin()
