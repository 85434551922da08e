"""One clip's arrays, and many clips in worker processes that can be killed."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from concurrent.futures import TimeoutError
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from avgap.data.clip import Clip, MediaError
from avgap.data.media import fingerprint
from avgap.data.media.corrupt import Corruption, corrupt_frames, corrupt_sound
from avgap.data.media.spectrogram import playable, spectrogram
from avgap.data.media.workers import Died, each
from avgap.settings import AudioRecipe, Embedding, FrameRecipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from avgap.data.media.sound import Heard

TIME_LIMIT = 120.0  # s per clip; damaged files were seen to spin for ever


class Job(NamedTuple):
    """How a clip is decoded. corruption: of a clip that is to be corrupted."""

    audio: AudioRecipe | Embedding
    frames: FrameRecipe | Embedding
    decoder: str
    corruption: Corruption | None
    seed: int
    keep_sound: bool = False


class Decoded(NamedTuple):
    """One clip's spectrogram (F, T) and frames (K, H, W, 3), and columns found by decoding.

    meta: `files` (see `fingerprint.describe`) and `seconds`, how long the clip's sound is. sound:
    int16 at 16 kHz, with --keep-sound.
    """

    audio: NDArray[Any]
    visual: NDArray[Any]
    meta: Mapping[str, str] = MappingProxyType({})
    sound: NDArray[np.int16] | None = None


def decode(clip: Clip, job: Job) -> Decoded:
    """Decode one clip, and corrupt it where it is chosen. Raises MediaError with the reason."""
    if clip.broken:
        raise MediaError(clip.broken)
    if clip.features is not None:
        return Decoded(*clip.features)
    if isinstance(job.audio, Embedding) or isinstance(job.frames, Embedding):
        raise MediaError("it has no embeddings")
    before = fingerprint.states(clip)
    corruption = job.corruption
    visual, (wave, seconds) = _frames_and_sound(
        clip, job.frames, job.audio, job.decoder, corruption
    )
    if corruption is not None and corruption.modality == "visual":
        visual = corrupt_frames(visual, corruption.kind, clip.id, job.seed, corruption.ratio)
    if corruption is not None and corruption.modality == "audio":
        wave = corrupt_sound(wave, corruption.kind, clip.id, job.seed, corruption.ratio)
    meta = {
        fingerprint.COLUMN: fingerprint.describe(clip, before),
        "seconds": f"{seconds:.3f}",
    }
    sound = playable(wave, job.audio) if job.keep_sound else None
    return Decoded(spectrogram(wave, job.audio), visual, meta, sound)


def _frames_and_sound(
    clip: Clip,
    frames: FrameRecipe,
    audio: AudioRecipe,
    decoder: str,
    corruption: Corruption | None,
) -> tuple[NDArray[np.uint8], Heard]:
    """Frames (K, H, W, 3) and sound; a file of both is opened and read through once.

    Raises MediaError that begins with the name of the file that it is about.
    """
    from avgap.data.media.container import open_media
    from avgap.data.media.crop import cut
    from avgap.data.media.frames import read_frames, resize
    from avgap.data.media.sound import hear, hear_track

    source = clip.audio or clip.video
    if source is None:
        raise MediaError("neither a video nor an audio file is named")
    window = clip.start, clip.end
    count, size = frames.count, frames.size
    how = count, size, *window, decoder, frames.sampling, clip.crop
    sound = audio.sample_rate, *window, _used(audio, corruption)
    heard = None
    with _naming(clip.video):
        if clip.image is not None:
            picture = np.repeat(clip.image[..., None], 3, axis=2)
            picture = resize(cut(picture, clip.crop), size)
            visual = np.repeat(picture[None], count, axis=0)
        elif clip.video is None:
            raise MediaError("no video is named")
        elif clip.video.is_dir():
            visual = read_frames(clip.video, *how)
        else:
            with open_media(clip.video) as film:
                visual = read_frames(film, *how)
                if clip.audio is None:
                    heard = hear_track(film, *sound)
    if heard is None:
        with _naming(source):
            heard = hear(source, *sound)
    return visual, heard


def _used(recipe: AudioRecipe, corruption: Corruption | None) -> float | None:
    """How much of a long sound is used, s, and a little that resampling looks ahead; None: all."""
    whole = recipe.transform == "fbank"  # its mean is that of the whole clip
    if whole or (corruption is not None and corruption.modality == "audio"):
        return None
    return recipe.seconds + 1.0


@contextmanager
def _naming(path: Path | None) -> Iterator[None]:
    """Let a reason begin with the name of the file that it is about, as `why_broken` does."""
    try:
        yield
    except MediaError as error:
        raise MediaError(f"{path.name}: {error}" if path else str(error)) from error


def decode_all(
    clips: Sequence[Clip],
    job: Job,
    workers: int,
    time_limit: float = TIME_LIMIT,
    *,
    corrupt: Collection[str] = (),
) -> Generator[tuple[int, Decoded | MediaError], None, None]:
    """Decode many clips in processes of their own; yields (index, arrays or reason) as they come.

    A clip that takes too long, or takes its process down twice, gives a reason, and the rest goes
    on. corrupt: the ids of the clips to which the job's corruption is done.
    """
    clean = job._replace(corruption=None)
    if all(clip.broken != "" or clip.features is not None for clip in clips):
        yield from ((index, _decoded_here(clip, job)) for index, clip in enumerate(clips))
        return
    tasks = [(clip, job if clip.id in corrupt else clean) for clip in clips]
    for index, outcome in each(decode, tasks, workers, time_limit):
        yield index, _as_reason(outcome, time_limit)


def _decoded_here(clip: Clip, job: Job) -> Decoded | MediaError:
    """What needs no decoding, in this process."""
    try:
        return decode(clip, job)
    except MediaError as error:
        return error


def _as_reason(outcome: Decoded | BaseException, time_limit: float) -> Decoded | MediaError:
    if isinstance(outcome, Decoded | MediaError):
        return outcome
    if isinstance(outcome, TimeoutError):
        return MediaError(f"decoding took longer than {time_limit:g} s")
    if isinstance(outcome, Died):
        return MediaError(f"decoding ended its process twice (exit status {outcome.status})")
    # Libraries fail on damaged files in many ways; the reason names theirs.
    first = str(outcome).splitlines()[0] if str(outcome) else ""
    return MediaError(f"{type(outcome).__name__}: {first}")
