"""A place for an answer: made once, stamped, confirmed, and made again where it is damaged."""

from __future__ import annotations

import dataclasses
import json
import time

import pytest

from avgap import artifact
from avgap.artifact import Kind, Output, Question
from avgap.errors import InputError, OutputError

QUESTION = Question("avgap.metrics", {"cache": "c0"}, {"split": "test"})
NUMBERS = Kind(
    lambda path: artifact.read_json(path)["numbers"],
    lambda numbers: artifact.digest("numbers", numbers),
    lambda path, numbers, stamp, check: artifact.write_text(
        path, artifact.to_json(stamp, {"numbers": numbers}), check
    ),
)


def place(path, question=QUESTION, **of):
    return Output(path, question, {"cache": path.parent / "c.h5"}, NUMBERS, **of)


def test_what_was_written_answers_the_same_question_with_its_stamp(tmp_path):
    output = place(tmp_path / "m.json")
    assert output.reuse(force=False) is None
    made = output.write([1, 2], time.monotonic(), "cpu")
    found = output.reuse(force=False)
    assert (made.content, made.up_to_date) == ([1, 2], False)
    assert (found.content, found.stamp, found.up_to_date) == ([1, 2], made.stamp, True)
    assert made.stamp.question == QUESTION
    assert made.stamp.digest == artifact.digest("numbers", [1, 2])
    assert made.stamp.hints == {"cache": "c.h5"}
    assert made.stamp.provenance["device"] == "cpu"


def test_another_question_is_refused_and_made_again_by_force(tmp_path):
    place(tmp_path / "m.json").write([1], time.monotonic())
    other = place(tmp_path / "m.json", QUESTION._replace(inputs={"cache": "c1"}))
    with pytest.raises(OutputError, match="answers another question"):
        other.reuse(force=False)
    assert other.reuse(force=True) is None


def test_a_damaged_answer_is_told_and_made_again_by_force(tmp_path):
    output = place(tmp_path / "m.json")
    output.write([1], time.monotonic())
    keys = json.loads((tmp_path / "m.json").read_text())
    (tmp_path / "m.json").write_text(json.dumps(keys | {"numbers": [9]}))
    with pytest.raises(InputError, match="is not what its stamp says"):
        output.reuse(force=False)
    assert output.reuse(force=True) is None


def test_at_the_standard_stream_nothing_is_looked_for_or_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output = Output("-", QUESTION, {"cache": "c.h5", "gaps": "-"}, NUMBERS)
    assert output.reuse(force=False) is None
    assert output.write([1], time.monotonic()).stamp.hints == {"cache": "c.h5"}
    assert list(tmp_path.iterdir()) == []


def test_of_several_processes_the_first_alone_reads_and_writes(tmp_path):
    done = []

    def as_second(do):  # what the first would hand on
        done.append(do)

    output = place(tmp_path / "m.json", once=as_second)
    assert output.reuse(force=False) is None
    output.write([1], time.monotonic())
    assert len(done) == 2
    assert list(tmp_path.iterdir()) == []


def test_who_is_slower_by_the_time_of_writing_does_not_replace_another_answer(tmp_path):
    mine = place(tmp_path / "m.json")
    other = place(tmp_path / "m.json", QUESTION._replace(inputs={"cache": "c1"}))
    assert mine.reuse(force=False) is None
    assert other.reuse(force=False) is None
    theirs = other.write([2], time.monotonic())
    with pytest.raises(OutputError, match="answers another question"):
        mine.write([1], time.monotonic())
    assert other.reuse(force=False).stamp == theirs.stamp
    assert [path.name for path in tmp_path.iterdir()] == ["m.json"]
    assert mine.write([1], time.monotonic(), force=True).content == [1]


def test_a_source_is_never_the_place_of_the_answer(tmp_path):
    place(tmp_path / "m.json").write([1], time.monotonic())
    (tmp_path / "c.h5").symlink_to(tmp_path / "m.json")
    with pytest.raises(OutputError, match="is an input of this command"):
        place(tmp_path / "m.json").reuse(force=True)


def test_what_the_digest_leaves_out_is_in_the_checksum(tmp_path):
    kind = dataclasses.replace(NUMBERS, besides=lambda numbers: {"count": len(numbers)})
    output = dataclasses.replace(place(tmp_path / "m.json"), kind=kind)
    made = output.write([1, 2], time.monotonic())
    assert made.stamp.checksum == artifact.checksum({"count": 2})
    assert artifact.read_stamp(tmp_path / "m.json") == made.stamp
