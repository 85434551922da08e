"""The most imbalanced samples of a table of gaps, with their pictures from the cache."""

from __future__ import annotations

import base64
import io
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from avgap import artifact
from avgap.data.playback import RATE
from avgap.gapfile import Gaps
from avgap.mixture import Mixture

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from avgap.data.cache import Cache

MANY = 12  # of the highest posterior
FEW = 6  # of the largest gaps on the other side
OTHER_SIDE = 0.2  # |gap| from which a sample of the other side is worth showing
_HEIGHT = 96  # px, of a frame and of a spectrogram
_FRAMES = 3


class Pictures(NamedTuple):
    """Frames and spectrogram as PNG, sound as WAV or None; all as data URIs."""

    frames: str
    spectrogram: str
    sound: str | None


@dataclass(frozen=True)
class Clips:
    """What a gallery needs to know of one split of a cache: ids in order, planted corruption."""

    path: Path
    split: str
    classes: tuple[str, ...]
    row: dict[str, int]  # of the clips that have pictures: none of embeddings
    small: bool  # whether its frames are smaller than they are shown
    corrupt: dict[str, str]  # id → kind, "" for none; empty where the cache does not know

    def pictures(self, id: str) -> Pictures:
        """What is to be seen, and heard where the cache keeps sound, of one clip."""
        row = self.row[id]
        with artifact.open_hdf5(self.path) as file:
            group = file[self.split]
            visual, audio = group["visual"][row], group["audio"][row]
            sound = wav_uri(group["sound"][row]) if "sound" in group else None
        frames, spectrogram = strip_of_frames(visual), picture_of_spectrogram(audio)
        return Pictures(png_uri(frames), png_uri(spectrogram), sound)


def clips_of(cache: Cache, split: str) -> Clips:
    """The ids and the planted corruption of one split."""
    with artifact.open_hdf5(cache.path) as file:
        ids: list[str] = file[split]["id"].asstr()[:].tolist()
    corrupt = cache.meta(split).get("corrupt")
    truth = {} if corrupt is None else dict(zip(ids, corrupt, strict=True))
    pictured = cache.kind == "media"
    rows = {id: row for row, id in enumerate(ids)} if pictured else {}
    small = pictured and cache.visual_shape[1] < _HEIGHT
    return Clips(cache.path, split, cache.classes, rows, small, truth)


def most_imbalanced(gap: NDArray[np.float64], mixture: Mixture | None) -> list[int]:
    """Rows of the MANY samples of highest posterior w_{i,1}, or largest |gap|: see imbalance."""
    return [int(row) for row in np.argsort(-imbalance(gap, mixture), kind="stable")[:MANY]]


def imbalance(gap: NDArray[np.float64], mixture: Mixture | None) -> NDArray[np.float64]:
    """What ranks samples, (N,): the log-odds, or |gap| where no component is imbalanced.

    The log-odds still tell samples apart where the posterior is 1 to all digits.
    """
    if mixture is None or not mixture.leaning:
        return np.abs(gap)
    return np.asarray(mixture.log_odds(gap))


def other_side(gap: NDArray[np.float64], mixture: Mixture | None) -> list[int]:
    """Rows of the FEW largest gaps in favour of the other modality, where there are such."""
    if mixture is None or not mixture.leaning:
        return []
    signed = -gap if mixture.dominant == "audio" else gap
    rows = np.argsort(-signed, kind="stable")[:FEW]
    return [int(row) for row in rows if signed[row] >= OTHER_SIDE]


def planted_auc(table: Gaps, mixture: Mixture, clips: Clips) -> float | None:
    """ROC AUC of the posterior against the planted corruption; None where that is not known.

    Ranked by the log-odds, of which the posterior is a monotone function: see imbalance.
    """
    if table.id is None or not set(table.id) <= set(clips.corrupt):
        return None
    truth = np.array([clips.corrupt[id] != "" for id in table.id])
    if truth.all() or not truth.any():
        return None
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth, imbalance(table.gap, mixture)))


def samples(
    table: Gaps, rows: list[int], mixture: Mixture | None, clips: Clips | None
) -> list[dict[str, Any]]:
    """What the page shows of each row: id, label, scores, posterior, predictions, pictures."""

    def name(column: NDArray[np.int64] | None, row: int) -> str | None:
        if column is None:
            return None
        index = int(column[row])
        known = clips is not None and 0 <= index < len(clips.classes)
        return clips.classes[index] if clips is not None and known else str(index)

    def value(column: NDArray[np.float64] | None, row: int) -> float | None:
        return None if column is None else float(column[row])

    shown = []
    for row in rows:
        id = table.id[row] if table.id is not None else f"row {row + 1}"
        pictures = clips.pictures(id) if clips is not None and id in clips.row else None
        predictions = {
            "fused": table.fused_pred,
            "audio": table.audio_pred,
            "visual": table.visual_pred,
        }
        shown.append(
            {
                "id": id,
                "label": name(table.label, row),
                "gap": float(table.gap[row]),
                "prob": {
                    "audio": value(table.audio_prob, row),
                    "visual": value(table.visual_prob, row),
                },
                "posterior": None if mixture is None else float(mixture.posterior(table.gap[row])),
                "predicted": {m: name(column, row) for m, column in predictions.items()},
                "corrupt": "" if clips is None else clips.corrupt.get(id, ""),
                "pictures": pictures,
            }
        )
    return shown


# ---------------------------------------------------------------- pictures


def strip_of_frames(frames: NDArray[np.uint8]) -> Image:
    """At most three of K RGB frames, (K, H, W, 3), side by side."""
    from PIL import Image

    count = min(len(frames), _FRAMES)
    chosen = frames[np.linspace(0, len(frames) - 1, count).round().astype(int)]
    strip = Image.fromarray(np.concatenate(list(chosen), axis=1))
    return _shrink(strip)


def picture_of_spectrogram(audio: NDArray[np.float16]) -> Image:
    """A spectrogram (F, T) in colour over its 1st to 99th percentile, low frequencies below."""
    import matplotlib as mpl
    from PIL import Image

    values = audio.astype(np.float64)[::-1]
    low, high = np.percentile(values, [1, 99])
    scaled = np.clip((values - low) / max(high - low, 1e-9), 0, 1)
    picture = Image.fromarray((scaled * 255).astype(np.uint8)).convert("P")
    colours = np.array(mpl.colormaps["magma"].colors) * 255  # type: ignore[attr-defined]
    picture.putpalette(colours.round().astype(np.uint8).tobytes())
    return picture if picture.height <= 2 * _HEIGHT else _shrink(picture.convert("RGB"))


def _shrink(picture: Image) -> Image:
    if picture.height <= _HEIGHT:
        return picture
    width = round(picture.width * _HEIGHT / picture.height)
    return picture.resize((width, _HEIGHT), 1)  # 1: Lanczos


def wav_uri(sound: NDArray[np.int16]) -> str:
    """Samples (n,) at 16 kHz as a data URI."""
    with io.BytesIO() as target:
        with wave.open(target, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(sound.astype("<i2").tobytes())
        return "data:audio/wav;base64," + base64.b64encode(target.getvalue()).decode("ascii")


def png_uri(picture: Image) -> str:
    """A picture as a PNG data URI."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
