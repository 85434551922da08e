"""Stamps, digests, atomic writing and the same question."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from avgap import artifact
from avgap.artifact import Question, Stamp
from avgap.artifact.disk import Disk
from avgap.errors import InputError, OutputError


def stamp(**changes: object) -> Stamp:
    values = {
        "format": "avgap.gmm",
        "digest": "d" * 64,
        "inputs": {"gaps": "a" * 64},
        "parameters": {"tol": 1e-8, "components": 2},
        "provenance": {"avgap": "0.1.0"},
    }
    return Stamp(**{**values, **changes})  # type: ignore[arg-type]


def write(path: Path, **changes: object) -> Path:
    artifact.write_text(path, artifact.to_json(stamp(**changes), {"body": 1}))
    return path


def test_a_digest_depends_on_values_types_and_shapes_and_not_on_order_of_keys() -> None:
    row = np.arange(6)
    assert artifact.digest({"a": 1, "b": 2}) == artifact.digest({"b": 2, "a": 1})
    different = [
        1,
        1.0,
        "1",
        True,
        None,
        [1],
        [[1]],
        row,
        row.reshape(2, 3),
        row.astype("f8"),
        {"1": 1},
    ]
    assert len({artifact.digest(value) for value in different}) == len(different)
    assert artifact.digest(["ab", "c"]) != artifact.digest(["a", "bc"])


def test_a_digest_does_not_depend_on_memory_layout() -> None:
    matrix = np.arange(6).reshape(2, 3)
    assert artifact.digest(np.asfortranarray(matrix)) == artifact.digest(matrix)
    assert artifact.digest(matrix[:, ::-1]) != artifact.digest(matrix)


def write_half(path: Path, failure: BaseException) -> None:
    with artifact.atomic(path) as part:
        part.write_text("half")
        raise failure


def test_writing_is_atomic_and_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    artifact.write_text(path, "first")
    with pytest.raises(RuntimeError):
        write_half(path, RuntimeError())
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_half(tmp_path / "file.txt", KeyboardInterrupt())
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_an_output_error_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write .*\n  No space left"):
        write_half(tmp_path / "file.txt", OSError(28, "No space left on device"))
    assert not list(tmp_path.iterdir())


def test_what_a_full_disk_did_not_take_is_read_back(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    data = bytes(range(1, 201))
    with Disk(tmp_path / "a.h5", "w+") as disk:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        try:
            assert disk.write(data) == 200  # half of it is there
            assert disk.write(data[:50]) == 50
            disk.seek(10)
            assert disk.write(b"xyz") == 3
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        there = bytearray(b"\xff" * 300)
        disk.seek(0)
        assert disk.readinto(there) == 300
        assert disk.tell() == 300
        assert there == data[:10] + b"xyz" + data[13:] + data[:50] + bytes(50)
        with pytest.raises(OSError, match="File too large"):
            disk.check()


WRITER = """
import sys
from pathlib import Path
from avgap import artifact
with artifact.atomic(Path(sys.argv[1])) as part:
    part.write_text("half")
    print("writing", flush=True)
    sys.stdin.read()
    part.write_text("whole")
"""


def writer(path: Path) -> subprocess.Popen[str]:
    """A process that has begun to write path, and ends when its standard input does."""
    command = [sys.executable, "-c", WRITER, str(path)]
    process = subprocess.Popen(command, stdin=-1, stdout=-1, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    return process


@pytest.mark.skipif(os.name != "posix", reason="no such locks")
def test_one_process_at_a_time_writes_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    with writer(path) as other:
        with pytest.raises(OutputError) as caught:
            artifact.write_text(path, "mine")
        assert str(caught.value) == (
            f"{path} is being written by another avgap\n  try: wait for it to end, or another -o"
        )
        artifact.write_text(tmp_path / "another.txt", "mine")
        other.communicate()
    assert path.read_text() == "whole"
    artifact.write_text(path, "mine")
    assert path.read_text() == "mine"


@pytest.mark.skipif(os.name != "posix", reason="no such locks")
def test_a_killed_writer_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    with writer(path) as other:
        other.kill()
        other.wait()
    assert [left.name for left in tmp_path.iterdir()] == ["file.txt.part"]
    artifact.write_text(path, "mine")
    assert [left.name for left in tmp_path.iterdir()] == ["file.txt"]


def test_a_disk_without_locks_is_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    artifact.write_text(tmp_path / "file.txt", "mine")
    assert (tmp_path / "file.txt").read_text() == "mine"


def test_differences_within_a_record_are_told_by_their_own_names() -> None:
    there = Question("avgap.cache", {}, {"frames": {"count": 3, "size": 256}, "seed": 0})
    asked = Question("avgap.cache", {}, {"frames": {"count": 4, "size": 256}, "seed": None})
    assert artifact.compare(there, asked) == [
        "frames.count: 3 there, 4 asked for",
        "seed: 0 there, None asked for",
    ]


def plant(part: Path, victim: Path, kind: str) -> None:
    """Put something else where a part will be written."""
    if kind == "link":
        part.symlink_to(victim)
    elif kind == "second name":
        os.link(victim, part)
    else:
        os.mkfifo(part)


@pytest.mark.skipif(os.name != "posix", reason="no such files")
@pytest.mark.parametrize("kind", ["link", "second name", "pipe"])
def test_a_part_that_is_no_plain_file_is_refused_and_left_alone(tmp_path: Path, kind: str) -> None:
    path, victim = tmp_path / "gmm.json", tmp_path / "letter.txt"
    victim.write_text("dear reader")
    part = path.with_name("gmm.json.part")
    plant(part, victim, kind)
    with pytest.raises(OutputError, match="no plain file of one name"):
        artifact.write_text(path, "text")
    assert victim.read_text() == "dear reader"
    assert part.exists()
    assert not path.exists()


def test_what_is_replaced_keeps_its_permissions(tmp_path: Path) -> None:
    path = write(tmp_path / "gmm.json")
    for mode in (0o600, 0o444, 0o664):
        path.chmod(mode)
        write(path)
        assert path.stat().st_mode & 0o777 == mode


def test_a_last_look_is_taken_under_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "gmm.json"

    def look() -> None:
        assert path.with_name("gmm.json.part").exists()
        raise OutputError("somebody was faster")

    with pytest.raises(OutputError, match="faster"):
        artifact.write_text(path, "mine", look)
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_itself_is_told_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "gmm.json"
    path.symlink_to(path)
    for use in (
        lambda: artifact.write_text(path, "text"),
        lambda: artifact.reuse(path, stamp().question, force=True),
    ):
        with pytest.raises(OutputError, match="a link that leads to itself"):
            use()
    assert path.is_symlink()
    assert artifact.hint(path, path) == "gmm.json"


def test_an_input_is_never_replaced_by_whatever_name_it_goes(tmp_path: Path) -> None:
    there = write(tmp_path / "a.json")
    (tmp_path / "link.json").symlink_to(there)
    os.link(there, tmp_path / "name.json")
    for name in ("a.json", "link.json", "name.json"):
        with pytest.raises(OutputError, match="is an input of this command"):
            artifact.expect_no_input(tmp_path / name, [tmp_path / "none", there])
    artifact.expect_no_input(tmp_path / "new.json", [there])


def test_the_same_question_is_confirmed(tmp_path: Path) -> None:
    path = write(tmp_path / "gmm.json")
    assert artifact.reuse(path, stamp().question, force=False) == stamp()
    assert artifact.reuse(tmp_path / "absent.json", stamp().question, force=False) is None


def test_another_question_is_refused_with_every_difference_and_replaced_only_by_force(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "gmm.json")
    other = Question("avgap.gmm", {"gaps": "b" * 64}, {"tol": 1e-3, "components": 2})
    with pytest.raises(OutputError) as caught:
        artifact.reuse(path, other, force=False)
    assert str(caught.value) == "\n".join(
        [
            f"{path} answers another question",
            "  gaps: aaaaaaaaaaaa… there, bbbbbbbbbbbb… asked for",
            "  tol: 1e-08 there, 0.001 asked for",
            "  try: another -o, or --force to replace it",
        ]
    )
    assert artifact.reuse(path, other, force=True) is None


@pytest.mark.parametrize(
    "content", ["", "notes of mine", '{"a": 1}', "[1]", '{"format": "avgap.gmm"}']
)
def test_a_file_that_is_not_ours_is_never_replaced(tmp_path: Path, content: str) -> None:
    path = tmp_path / "gmm.json"
    path.write_text(content)
    with pytest.raises(OutputError, match="exists and is not an avgap artifact"):
        artifact.reuse(path, stamp().question, force=True)
    assert path.read_text() == content


def test_where_and_when_do_not_belong_to_the_question(tmp_path: Path) -> None:
    path = write(
        tmp_path / "gmm.json", provenance={"created": "1970"}, hints={"gaps": "elsewhere.h5"}
    )
    assert artifact.reuse(path, stamp().question, force=False) is not None


def test_every_kind_of_file_keeps_the_stamp(tmp_path: Path) -> None:
    write(tmp_path / "a.json")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        artifact.stamp_hdf5(file, stamp())
    with (tmp_path / "a.csv").open("w") as text:
        artifact.to_csv(stamp(), {"id": ["x, y", "line\nbreak"], "gap": [0.5, -0.5]}, text)
    for name in ("a.json", "a.h5", "a.csv"):
        assert artifact.read_stamp(tmp_path / name) == stamp()


def test_a_newer_format_is_refused_and_its_writer_named(tmp_path: Path) -> None:
    path = write(tmp_path / "gmm.json")
    content = json.loads(path.read_text())
    content["format_version"] = 2
    content["provenance"]["avgap"] = "9.9"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError) as caught:
        artifact.read_stamp(path)
    assert str(caught.value).splitlines() == [
        f"{path} has format version 2, newer than this avgap reads (1)",
        "  it was written by avgap 9.9",
        "  try: pip install --upgrade avgap",
    ]


@pytest.mark.parametrize("name", ["a.h5", "a.json", "a.pt", "a.csv"])
@pytest.mark.parametrize("content", [b"", b"\x00\xff not ours", b"PK\x03\x04half a zip"])
def test_corrupt_files_are_input_errors(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError):
        artifact.read_stamp(path)


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_truncated_hdf5_file_is_an_input_error(tmp_path: Path, share: float) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        artifact.stamp_hdf5(file, stamp())
        file["gap"] = np.zeros(10_000)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match="cannot be read as HDF5"):
        artifact.read_stamp(path)


def test_a_hint_is_relative_to_the_artifact_so_that_a_tree_can_move(tmp_path: Path) -> None:
    assert artifact.hint(tmp_path / "run" / "gaps.h5", tmp_path / "cache.h5") == "../cache.h5"
    assert artifact.hint(tmp_path / "gmm.json", "-") == ""


def test_a_link_stays_one_and_what_it_points_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link.json").symlink_to(tmp_path / "disk" / "there.json")
    write(tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink()
    assert artifact.read_stamp(tmp_path / "disk" / "there.json") == stamp()
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["there.json"]


def test_an_editors_byte_order_mark_changes_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json")
    path.write_text("\ufeff" + path.read_text(), encoding="utf-8")
    assert artifact.read_stamp(path) == stamp()


@pytest.mark.parametrize(
    "text",
    [
        *('{"a": NaN}', '{"a": -Infinity}', '{"a": 1e400}', "[" * 100_000),
        *('{"a": ' + "7" * 5000 + "}", '{"a": ' + "7" * 400 + "}"),
        *('{"a": ' + "[" * 40 + "]" * 40 + "}", '{"a": 1, "b": {"c": 1, "c": 2}}'),
    ],
)
def test_json_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match="cannot be read as JSON"):
        artifact.read_json(tmp_path / "a.json")


@pytest.mark.parametrize(
    "changes",
    [
        {"format": ["x"]},
        {"inputs": {"gaps": 5}},
        {"hints": {"gaps": None}},
        {"format_version": 99, "provenance": []},
        {"format_version": "1.0"},
    ],
)
def test_a_stamp_of_other_kinds_of_values_is_refused(tmp_path: Path, changes: object) -> None:
    path = write(tmp_path / "a.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(InputError):
        artifact.read_stamp(path)


def test_the_place_of_a_file_whose_name_is_no_text_can_be_stored(tmp_path: Path) -> None:
    place = artifact.hint(tmp_path / "a.json", tmp_path / os.fsdecode(b"g\xff.npy"))
    assert place == "g\\udcff.npy"


def test_a_damaged_output_is_told_and_made_again_by_force(tmp_path: Path) -> None:
    path, there = write(tmp_path / "a.json"), stamp()

    def look(digest: str, *, force: bool) -> object:
        read = artifact.read_json
        return artifact.unharmed(path, there, read, lambda _: digest, force=force)

    assert look(there.digest, force=False) == artifact.read_json(path)
    assert look("e" * 64, force=True) is None
    with pytest.raises(InputError, match="changed or damaged") as caught:
        look("e" * 64, force=False)
    assert caught.value.hint == "--force to make it again"
    path.write_text("{")
    assert look(there.digest, force=True) is None


def test_a_name_that_is_no_text_can_be_written_and_read_back(tmp_path: Path) -> None:
    name = os.fsdecode(b"g\xff.npy")
    path = write(tmp_path / "a.json", parameters={"name": name})
    assert artifact.read_stamp(path).parameters == {"name": name}
    assert b"g\\udcff.npy" in path.read_bytes()
