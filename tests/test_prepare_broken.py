"""A prepare that is broken off, loses a worker, or finds other media than before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import pytest
from media import write_dataset, write_video

from avgap.data.cache.reader import open_cache
from avgap.data.clip import Clip, MediaError
from avgap.data.media.decode import Job, decode_all
from avgap.errors import InputError, OutputError
from avgap.prepare import Prepared, prepare
from avgap.settings import AudioRecipe, FrameRecipe

AUDIO = AudioRecipe("tiny", 8000, 0.5, 64, 100)
FRAMES = FrameRecipe(count=2, size=16)
CLIPS = 24

# A part for every clip, so that every clip that was finished before a kill counts.
SCRIPT = """
import sys
from pathlib import Path
from avgap.data.cache import parts
from avgap.prepare import prepare
from avgap.settings import AudioRecipe, FrameRecipe
if __name__ == "__main__":
    parts._SECONDS = 0
    prepare("csv", Path(sys.argv[1]), Path(sys.argv[2]), workers=1,
            audio=AudioRecipe("tiny", 8000, 0.5, 64, 100), frames=FrameRecipe(count=2, size=16))
"""


def run(root: Path, output: Path, **options) -> Prepared:
    return prepare("csv", root, output, audio=AUDIO, frames=FRAMES, workers=1, **options)


@pytest.fixture
def source(tmp_path) -> Path:
    return write_dataset(tmp_path / "source", {"train": CLIPS - 4, "test": 4})


def start(script: Path, source: Path, output: Path) -> subprocess.Popen[bytes]:
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(script), str(source), str(output)]
    return subprocess.Popen(
        command, env=environment, stderr=subprocess.DEVNULL, start_new_session=True
    )


def wait_for(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


def session_is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def arrays(path: Path) -> dict[str, bytes]:
    with h5py.File(path) as file:
        names = [f"{split}/{part}" for split in ("train", "val", "test") for part in file[split]]
        return {
            name: file[name][()].tobytes() for name in names if name.endswith(("audio", "visual"))
        }


def test_killed_twice_and_started_again_it_ends_as_an_unbroken_run(source, tmp_path, capsys):
    unbroken = run(source, tmp_path / "unbroken.h5")
    output = tmp_path / "out" / "a.h5"
    parts = tmp_path / "out" / "a.h5.parts"
    for done in (3, 9):
        process = start(tmp_path / "script.py", source, output)
        wait_for(lambda done=done: len(list(parts.glob("*.h5"))) >= done)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not output.exists()
        # The workers notice on their own; none is left behind.
        wait_for(lambda group=process.pid: session_is_gone(group))
    kept = len(list(parts.glob("*.h5")))
    assert 9 <= kept < CLIPS
    capsys.readouterr()
    again = run(source, output)
    assert f"{kept} of {CLIPS} clips are there from an earlier run" in capsys.readouterr().err
    assert (again.status, again.digest) == ("made", unbroken.digest)
    assert arrays(output) == arrays(tmp_path / "unbroken.h5")
    assert open_cache(output).audio_std == open_cache(tmp_path / "unbroken.h5").audio_std
    assert [path.name for path in output.parent.iterdir()] == ["a.h5"]


def test_mended_files_and_permissions_decode_only_what_is_new(source, tmp_path, capsys):
    good = (source / "train-3.mp4").read_bytes()
    (source / "train-3.mp4").write_bytes(b"")
    with pytest.raises(InputError, match="1 clip cannot be used"):
        run(source, tmp_path / "a.h5")
    capsys.readouterr()
    assert run(source, tmp_path / "a.h5", allow_missing=1).sizes["train"] == 17
    assert f"{CLIPS - 1} of {CLIPS} clips are there" in capsys.readouterr().err
    with pytest.raises(InputError):
        run(source, tmp_path / "b.h5")
    (source / "train-3.mp4").write_bytes(good)
    assert run(source, tmp_path / "b.h5").sizes["train"] == 18


def test_parts_of_another_question_are_not_used(source, tmp_path, capsys):
    (source / "train-3.mp4").write_bytes(b"")
    with pytest.raises(InputError):
        run(source, tmp_path / "a.h5")
    capsys.readouterr()
    options = {"audio": AUDIO, "frames": FrameRecipe(count=1, size=16), "workers": 1}
    made = prepare("csv", source, tmp_path / "a.h5", allow_missing=1, **options)
    assert "earlier run" not in capsys.readouterr().err
    assert open_cache(made.path).visual_shape == (1, 16, 16, 3)


def test_media_that_changed_under_a_cache_are_told_and_force_makes_it_again(source, tmp_path):
    output = tmp_path / "a.h5"
    first = run(source, output)
    os.utime(source / "train-2.mp4", ns=(1, 1))  # the same bytes
    assert run(source, output).status == "up to date"
    for number in range(7):
        write_video(source / f"train-{number}.mp4", frames=5, size=(128, 48))
    with pytest.raises(OutputError) as caught:
        run(source, output)
    what, *lines, more, hint = str(caught.value).splitlines()
    assert what == f"{output} was made from other media: 7 of {CLIPS} clips changed"
    assert len(lines) == 5
    assert lines[0].startswith("  train-0: train-0.mp4 changed, ")
    assert more == "  and 2 more"
    assert hint == "  try: --force to make it again, or another -o"
    again = run(source, output, force=True)
    assert again.status == "made"
    assert again.digest != first.digest
    assert run(source, output).status == "up to date"


def test_bytes_that_changed_at_the_same_size_are_noticed(source, tmp_path):
    output = tmp_path / "a.h5"
    run(source, output)
    video = source / "test-0.mp4"
    (source / "test-1.mp4").write_bytes(video.read_bytes())  # another grey would do as well
    with_noise = bytearray(video.read_bytes())
    with_noise[-1] ^= 1
    video.write_bytes(bytes(with_noise))
    os.utime(video, ns=(1, 1))
    with pytest.raises(OutputError, match="made from other media"):
        run(source, output)
    assert run(source, output, force=True).status == "made"


class Trap(str):
    """A reason that does harm to any other process that looks at it."""

    def __init__(self, _: str = "") -> None:
        self.home = os.getpid()

    def __bool__(self) -> bool:
        if os.getpid() != self.home:
            self.spring()
        return False

    def spring(self) -> None:
        raise NotImplementedError


class Deadly(Trap):
    """As a decoder that crashes."""

    def spring(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Endless(Trap):
    """As a decoder that never ends."""

    def spring(self) -> None:
        time.sleep(600)


def test_a_file_that_kills_its_worker_costs_that_file_and_not_the_run(source):
    job = Job(AUDIO, FRAMES, "auto", None, 0)
    clips = [
        Clip(
            str(n), "a", "train", video=source / f"train-{n}.mp4", broken=Deadly() if n == 2 else ""
        )
        for n in range(6)
    ]
    outcomes = dict(decode_all(clips, job, workers=1))
    assert sorted(outcomes) == [0, 1, 2, 3, 4, 5]
    assert isinstance(outcomes[2], MediaError)
    assert str(outcomes[2]).startswith("decoding ended its process")
    assert not any(isinstance(outcomes[n], MediaError) for n in (0, 1, 3, 4, 5))


def test_a_file_that_hangs_costs_its_time_limit_and_the_worker_is_replaced(source):
    job = Job(AUDIO, FRAMES, "auto", None, 0)
    clips = [
        Clip(
            str(n), "a", "train", video=source / f"train-{n}.mp4", broken=Endless() if n < 1 else ""
        )
        for n in range(3)
    ]
    outcomes = dict(decode_all(clips, job, workers=1, time_limit=2))
    assert str(outcomes[0]) == "decoding took longer than 2 s"
    assert not any(isinstance(outcomes[n], MediaError) for n in (1, 2))


def test_the_same_command_twice_at_once_is_refused_and_disturbs_nothing(source, tmp_path):
    output = tmp_path / "a.h5"
    process = start(tmp_path / "script.py", source, output)
    wait_for(lambda: (tmp_path / "a.h5.part").exists())
    with pytest.raises(OutputError, match=r"a\.h5 is being written by another avgap"):
        run(source, output)
    assert process.wait(60) == 0
    assert run(source, output).status == "up to date"
    assert run(source, tmp_path / "b.h5").digest == open_cache(output).stamp.digest
