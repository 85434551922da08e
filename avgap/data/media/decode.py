"""One clip's arrays, and many clips in worker processes that can be killed."""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, TimeoutError, wait
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from avgap.data.clip import Clip, MediaError
from avgap.data.media import fingerprint
from avgap.data.media.corrupt import Corruption, corrupt_frames, corrupt_sound
from avgap.data.media.spectrogram import playable, spectrogram
from avgap.settings import AudioRecipe, Embedding, FrameRecipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

TIME_LIMIT = 120.0  # s per clip; damaged files were seen to spin for ever
_RECYCLE = 1000  # clips per worker; what a library leaks goes with it
_QUEUED = 8  # clips handed out per worker, so that what waits to be written stays bounded
_PRELOAD = "avgap.data.media.preload"
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


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
    visual, wave = _frames_and_sound(clip, job.frames, job.audio.sample_rate, job.decoder)
    seconds = wave.size / job.audio.sample_rate
    corruption = job.corruption
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
    clip: Clip, recipe: FrameRecipe, sample_rate: int, decoder: str
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Frames (K, H, W, 3) and waveform (samples,); a file of both is opened and read through once.

    Raises MediaError that begins with the name of the file that it is about.
    """
    from avgap.data.media.container import open_media
    from avgap.data.media.crop import cut
    from avgap.data.media.frames import read_frames, resize
    from avgap.data.media.sound import read_sound, read_track

    source = clip.audio or clip.video
    if source is None:
        raise MediaError("neither a video nor an audio file is named")
    window = clip.start, clip.end
    count, size = recipe.count, recipe.size
    how = count, size, *window, decoder, recipe.sampling, clip.crop
    wave = None
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
                    wave = read_track(film, sample_rate, *window)
    if wave is None:
        with _naming(source):
            wave = read_sound(source, sample_rate, *window)
    return visual, wave


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

    A clip that takes too long or takes its process down gives a reason, and the rest goes on.
    corrupt: the ids of the clips to which the job's corruption is done.
    """
    clean = job._replace(corruption=None)
    if all(clip.broken != "" or clip.features is not None for clip in clips):
        yield from ((index, _decoded_here(clip, job)) for index, clip in enumerate(clips))
        return
    from pebble import ProcessPool

    with _one_thread_per_process():
        pool: Any = ProcessPool(
            max_workers=workers,
            max_tasks=_RECYCLE,
            initializer=_prepare_worker,
            context=_context(),
        )
        with _interruptions_blocked():
            pool.active  # noqa: B018 - asking starts the pool
        waiting = iter(range(len(clips)))
        running: dict[Any, int] = {}
        try:
            while True:
                while (
                    len(running) < workers * _QUEUED and (index := next(waiting, None)) is not None
                ):
                    clip = clips[index]
                    how = job if clip.id in corrupt else clean
                    future = pool.schedule(decode, (clip, how), timeout=time_limit)
                    running[future] = index
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), _outcome(future, time_limit)
            pool.close()
        finally:
            # Also where the caller stops early or is interrupted: nothing is left running.
            pool.stop()
            pool.join()


def _decoded_here(clip: Clip, job: Job) -> Decoded | MediaError:
    """What needs no decoding, in this process."""
    try:
        return decode(clip, job)
    except MediaError as error:
        return error


def _outcome(future: Any, time_limit: float) -> Decoded | MediaError:
    from pebble import ProcessExpired

    try:
        decoded: Decoded = future.result()
    except MediaError as error:
        return error
    except TimeoutError:
        return MediaError(f"decoding took longer than {time_limit:g} s")
    except ProcessExpired as error:
        return MediaError(f"decoding ended its process (exit status {error.exitcode})")
    except Exception as error:
        # Libraries fail on damaged files in many ways; the reason names theirs.
        return MediaError(
            f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        )
    return decoded


def _prepare_worker() -> None:
    """Prepare a worker: what decoders write to the streams never reaches the terminal."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    # Before the first clip's time runs, where the processes are not forked from one that has it.
    importlib.import_module(_PRELOAD)


def _context() -> Any:
    """Processes forked from a server that has imported all they need, or else started anew.

    Never forked from this one: a reader of decord opened here would hang there.
    """
    import multiprocessing

    if "forkserver" not in multiprocessing.get_all_start_methods():  # Windows
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([_PRELOAD])
    return context


@contextmanager
def _interruptions_blocked() -> Iterator[None]:
    """Threads and processes started within, and by those, leave Ctrl-C to this one to handle."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    from multiprocessing import resource_tracker

    # Its own start, inside the first process's, would unblock the signal.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _one_thread_per_process() -> Iterator[None]:
    """Let processes started within use one thread per library; this one's settings come back."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
