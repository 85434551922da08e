"""How the peers train on CREMA-D: after OGM-GE's main.py and dataset/CramedDataset.py.

`published`: every item of every epoch is decoded and transformed by workers that live for an epoch:
librosa's load and STFT of the WAV, the JPEG, RandomResizedCrop and flip of each frame; fp32, NCHW,
a loss read back in every step. `tuned`: spectrograms made before, workers that stay, nothing read
back; still a JPEG per item and frame. Both train the same network on the same clips as avgap.
"""

from __future__ import annotations

import time
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import librosa
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from avgap.models.audiovisual import AudioVisual

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def spectrogram(sound: Path) -> np.ndarray[Any, Any]:
    """257×188, as the recipe `ogm`."""
    samples, rate = librosa.load(sound, sr=22050)
    samples = np.tile(samples, 3)[: rate * 3].clip(-1, 1)
    return np.log(np.abs(librosa.stft(samples, n_fft=512, hop_length=353)) + 1e-7)


class Clips(Dataset[tuple[Tensor, Tensor, int]]):
    """Items of a folder with NAME.wav, NAME.npy (the spectrogram) and NAME-K.jpg."""

    def __init__(self, folder: Path, count: int, frames: int, size: int, tuned: bool) -> None:
        self.folder, self.count, self.frames, self.tuned = folder, count, frames, tuned
        self.transform = transforms.Compose(
            [
                transforms.RandomResizedCrop(size),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor, int]:
        name = self.folder / f"{row:05}"
        audio = np.load(f"{name}.npy") if self.tuned else spectrogram(Path(f"{name}.wav"))
        frames = [
            self.transform(Image.open(f"{name}-{k}.jpg").convert("RGB")) for k in range(self.frames)
        ]
        return torch.from_numpy(audio).float(), torch.stack(frames), row % 6


def loader(clips: Clips, batch: int, workers: int, pinned: bool) -> DataLoader[Any]:
    """The peers' loader."""
    torch.manual_seed(0)
    stay = clips.tuned and workers > 0
    return DataLoader(
        clips, batch, shuffle=True, num_workers=workers, persistent_workers=stay, pin_memory=pinned
    )


def logits(model: AudioVisual, audio: Tensor, frames: Tensor) -> Tensor:
    """The fused logits of inputs that are standardised already, (N, F, T) and (N, K, 3, S, S)."""
    n, k = frames.shape[:2]
    phi_audio = model.audio_encoder(audio[:, None])
    phi_visual = model.visual_encoder(frames.flatten(0, 1)).view(n, k, -1).mean(dim=1)
    return model.head(torch.cat([phi_audio, phi_visual], dim=1))


def epoch(model: AudioVisual, optimizer: Optimizer, batches: Any, tuned: bool) -> float:
    """Train for an epoch; the mean loss."""
    device = next(model.parameters()).device
    model.train()
    losses: list[Any] = []
    for audio, frames, label in batches:
        audio, frames = audio.to(device), frames.to(device)
        audio = (audio - model.audio_mean) / model.audio_std
        optimizer.zero_grad()
        loss = cross_entropy(logits(model, audio, frames), label.to(device))
        loss.backward()
        optimizer.step()
        losses.append(loss.detach() if tuned else loss.item())
    return float(torch.stack([torch.as_tensor(v) for v in losses]).mean())


class Setting(NamedTuple):
    """All that a peer's process needs."""

    folder: Path
    clips: int
    frames: int
    size: int
    tuned: bool
    workers: int
    batch: int
    model: AudioVisual  # on the CPU
    device: str
    threads: int


def _serve(setting: Setting, pipe: Connection) -> None:
    """A peer's process: an epoch for each word that comes, its seconds in return."""
    if setting.threads:
        torch.set_num_threads(setting.threads)
    device = torch.device(setting.device)
    model = setting.model.to(device)
    optimizer = torch.optim.SGD(model.parameters(), 1e-3, 0.9, weight_decay=1e-4)
    clips = Clips(setting.folder, setting.clips, setting.frames, setting.size, setting.tuned)
    batches = loader(clips, setting.batch, setting.workers, device.type == "cuda")
    while pipe.recv():
        begin = time.perf_counter()
        epoch(model, optimizer, batches, setting.tuned)
        if device.type == "cuda":
            torch.cuda.synchronize()
        pipe.send(time.perf_counter() - begin)


class Peer:
    """A peer in a process of its own, with the allocator as the system has it."""

    def __init__(self, setting: Setting) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(setting, theirs))
        self._process.start()

    def epoch(self) -> float:
        """The seconds of one epoch."""
        self._pipe.send(True)
        return float(self._pipe.recv())

    def close(self) -> None:
        """End the process."""
        self._pipe.send(False)
        self._process.join()
