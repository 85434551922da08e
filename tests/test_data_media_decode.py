"""A clip's file is opened, and read through, once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from media import RATE, grey, tone, write_video
from PIL import Image

from avgap.data.clip import Clip, MediaError
from avgap.data.media.decode import Decoded, Job, decode
from avgap.settings import AudioRecipe, FrameRecipe

AUDIO = AudioRecipe("tiny", RATE, 0.75, 64, 100)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each library opens a media file: av (FFmpeg), decord, soundfile."""
    count: Counter[str] = Counter()

    def counted(module, name, library):
        really = getattr(module, name)

        def open_it(*values, **options):
            count[library] += 1
            return really(*values, **options)

        monkeypatch.setattr(module, name, open_it)

    counted(av, "open", "av")
    counted(soundfile, "SoundFile", "soundfile")
    counted(pytest.importorskip("decord"), "VideoReader", "decord")
    return count


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """A film, sound for it as WAV, as FLAC and in another film, and its frames as pictures."""
    write_video(tmp_path / "film.mp4", frames=10)
    write_video(tmp_path / "other.mp4", frames=10, size=(32, 32))
    for name in ("sound.wav", "sound.flac"):
        soundfile.write(tmp_path / name, tone(440, 1), RATE)
    (tmp_path / "pictures").mkdir()
    for number in range(3):
        picture = np.full((12, 16, 3), grey(number), np.uint8)
        Image.fromarray(picture).save(tmp_path / "pictures" / f"{number}.png")
    return tmp_path


def decoded(folder: Path, video: str, audio: str | None, decoder: str) -> Decoded:
    clip = Clip(
        "c", "a", "train", folder / video, audio=None if audio is None else folder / audio, end=0.9
    )
    return decode(clip, Job(AUDIO, FrameRecipe(2, 16), decoder, None, 0))


# decord reads the file itself, and so does soundfile; av tells the times of the frames, whoever
# decodes them, and whether the file is whole. Plain samples need none of them. No clip can do with
# less.
@pytest.mark.parametrize(
    ("video", "audio", "decoder", "least"),
    [
        ("film.mp4", None, "pyav", {"av": 1}),
        ("film.mp4", None, "decord", {"av": 1, "decord": 1}),
        ("film.mp4", "sound.wav", "pyav", {"av": 1}),
        ("film.mp4", "sound.wav", "decord", {"av": 1, "decord": 1}),
        ("film.mp4", "sound.flac", "pyav", {"av": 2, "soundfile": 1}),
        ("film.mp4", "other.mp4", "pyav", {"av": 2}),
        ("film.mp4", "other.mp4", "decord", {"av": 2, "decord": 1}),
        ("pictures", "sound.wav", "pyav", {}),
        ("pictures", "sound.wav", "decord", {}),
    ],
)
def test_every_file_is_opened_once_by_each_that_reads_it(
    films: Path, opened: Counter[str], video: str, audio: str | None, decoder: str, least: dict
):
    opened.clear()
    found = decoded(films, video, audio, decoder)
    assert opened == least
    assert found.visual.shape == (2, 16, 16, 3)
    assert found.meta["seconds"] == "0.900"


def test_where_decord_is_not_exact_the_open_file_is_decoded(films: Path, opened: Counter[str]):
    write_video(films / "odd.flv", frames=10, codec="flv")
    opened.clear()
    decoded(films, "odd.flv", None, "auto")
    assert opened == {"av": 1}


def test_a_reason_names_the_file_that_it_is_about(films: Path):
    (films / "film.mp4").write_bytes((films / "film.mp4").read_bytes()[:100])
    with pytest.raises(MediaError, match=r"^film\.mp4: damaged, or not a media file"):
        decoded(films, "film.mp4", "sound.wav", "pyav")
    (films / "sound.wav").write_bytes(b"")
    with pytest.raises(MediaError, match=r"^sound\.wav: the file is empty"):
        decoded(films, "pictures", "sound.wav", "pyav")
