"""What every decoding process needs, imported once by the server that they are forked from."""

from __future__ import annotations

import librosa
import numpy as np

from avgap.data.media import decode, frames, sound, spectrogram

__all__ = ["decode", "frames", "sound", "spectrogram"]

# librosa loads the most of itself (1.6 s) when it is first used.
librosa.resample(np.zeros(64, np.float32), orig_sr=2, target_sr=1)
librosa.stft(np.zeros(64, np.float32), n_fft=16)
