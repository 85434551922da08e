"""What a cache says of itself: the dataset, its classes, and the arrays of a clip."""

from __future__ import annotations

from typing import NamedTuple

from avgap.data.media import playback
from avgap.settings import AudioRecipe, Embedding, FrameRecipe


class Header(NamedTuple):
    """What a cache says of itself besides its stamp.

    classes: names, index = label. augment: whether mirroring and cropping keep the meaning.
    sound: whether every clip's sound is kept for the ear.
    """

    dataset: str
    classes: tuple[str, ...]
    augment: bool
    audio_recipe: AudioRecipe | Embedding
    frame_recipe: FrameRecipe | Embedding
    sound: bool = False

    @property
    def kind(self) -> str:
        """media or embedding."""
        return "embedding" if isinstance(self.audio_recipe, Embedding) else "media"

    @property
    def audio_shape(self) -> tuple[int, ...]:
        """(F, T), or (d,) of an embedding."""
        return self.audio_recipe.shape

    @property
    def visual_shape(self) -> tuple[int, ...]:
        """(K, H, W, 3), or (d,) of an embedding."""
        return self.frame_recipe.shape

    @property
    def arrays(self) -> dict[str, tuple[tuple[int, ...], str]]:
        """Shape and type of what is stored of every clip."""
        if isinstance(self.audio_recipe, Embedding):
            return {"audio": (self.audio_shape, "<f4"), "visual": (self.visual_shape, "<f4")}
        arrays: dict[str, tuple[tuple[int, ...], str]] = {
            "audio": (self.audio_shape, "<f2"),
            "visual": (self.visual_shape, "|u1"),
        }
        if self.sound:
            arrays["sound"] = ((playback.length(self.audio_recipe),), "<i2")
        return arrays
