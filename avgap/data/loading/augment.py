"""Boxes of frames resized on the device, batched: augmentation in training, whole frames elsewhere.

On a CPU each box is resized by torch's antialiased interpolation of bytes, torchvision's resize. On
a GPU that would be several kernels a frame. But resizing is separable: each output row and column
is a weighted mean of input rows and columns (triangle filter, widened when shrinking). So a batch
of boxes, each of its own size and place, is two batched matrix products there.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn.functional import interpolate

# torchvision's RandomResizedCrop, which all the peers use with its defaults.
_SCALE = (0.08, 1.0)
_RATIO = (3 / 4, 4 / 3)
_TRIES = 10


class Crops(NamedTuple):
    """An epoch's crops of N clips of K frames: boxes (N, K, 4) px as `crop`, flip (N, K)."""

    boxes: Tensor
    flip: Tensor


def draw_crops(shape: tuple[int, ...], generator: Generator, device: torch.device) -> Crops:
    """A random resized crop and a random flip for each frame of each clip.

    shape: (N, K, H, W, …). Drawn on the CPU and for all clips at once, so that a clip's crop does
    not depend on the device, the batch or the process that it falls to.
    """
    n, k, height, width = shape[:4]
    boxes = random_boxes(n * k, height, width, generator).view(n, k, 4)
    flip = torch.rand(n, k, generator=generator) < 0.5
    return Crops(boxes.to(device), flip.to(device))


def whole_frames(frames: Tensor, size: int) -> Tensor:
    """Frames (N, K, H, W, 3) uint8 as (N, K, 3, S, S) float32 in 0…255, resized if S differs.

    Embeddings (N, d) are taken for single frames that need no resizing: (N, 1, d).
    """
    if frames.ndim == 2:
        return frames[:, None]
    n, k, height, width, _ = frames.shape
    planes = frames.permute(0, 1, 4, 2, 3)
    if height == width == size:
        return planes.float()
    if planes.device.type == "cpu":
        return _interpolated(planes.flatten(0, 1), size).float().view(n, k, 3, size, size)
    planes = planes.float()
    rows, columns = (
        _weights(planes.new_zeros(1), planes.new_full((1,), side), side, size)
        for side in (height, width)
    )
    return rows @ planes @ columns.mT


def cropped_frames(frames: Tensor, size: int, crops: Crops) -> Tensor:
    """Each frame's own crop, resized and perhaps mirrored; shapes as `whole_frames`."""
    n, k = frames.shape[:2]
    planes = frames.permute(0, 1, 4, 2, 3).flatten(0, 1)
    boxes, flip = crops.boxes.flatten(0, 1), crops.flip.flatten()
    if planes.device.type == "cpu":
        cut = _crop_one_by_one(planes, boxes, flip, size)
    else:
        cut = crop(planes.float(), boxes, flip, size)
    return cut.view(n, k, 3, size, size)


def _interpolated(planes: Tensor, size: int) -> Tensor:
    """Planes (N, C, H, W) uint8 resized to (N, C, S, S), rounded: torchvision's own resize."""
    return interpolate(planes, size=(size, size), mode="bilinear", antialias=True)


def _crop_one_by_one(planes: Tensor, boxes: Tensor, flip: Tensor, size: int) -> Tensor:
    """As `crop`, of uint8 and rounded, on a CPU: forty times as fast there as the products."""
    cut = torch.empty(
        (*planes.shape[:2], size, size), dtype=torch.float32, memory_format=torch.channels_last
    )
    for row, (top, left, height, width) in enumerate(boxes.long().tolist()):
        box = planes[row : row + 1, :, top : top + height, left : left + width]
        cut[row] = _interpolated(box, size)[0]
    cut[flip] = cut[flip].flip(3)
    return cut


def crop(planes: Tensor, boxes: Tensor, flip: Tensor, size: int) -> Tensor:
    """Boxes of planes (N, C, H, W) resized to (N, C, S, S), mirrored left to right where flip (N,).

    boxes: top, left, height, width in px, (N, 4).
    """
    top, left, box_height, box_width = boxes.unbind(dim=1)
    rows = _weights(top, box_height, planes.shape[2], size)
    columns = _weights(left, box_width, planes.shape[3], size)
    columns = torch.where(flip[:, None, None], columns.flip(1), columns)
    return rows[:, None] @ planes @ columns[:, None].mT


def random_boxes(n: int, height: int, width: int, generator: Generator) -> Tensor:
    """n boxes as torchvision's RandomResizedCrop draws them: top, left, height, width, (n, 4) px.

    The first of ten draws that fits in the frame is taken; where none does, the whole frame.
    """
    device = generator.device

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, _TRIES, generator=generator, device=device)

    area = height * width * uniform(*_SCALE)
    ratio = torch.exp(uniform(math.log(_RATIO[0]), math.log(_RATIO[1])))
    widths, heights = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
    fits = (widths > 0) & (widths <= width) & (heights > 0) & (heights <= height)
    first = fits.int().argmax(dim=1, keepdim=True)
    fitting = fits.any(dim=1)
    box_height = torch.where(fitting, heights.gather(1, first)[:, 0], float(height))
    box_width = torch.where(fitting, widths.gather(1, first)[:, 0], float(width))
    place = torch.rand(2, n, generator=generator, device=device)
    top = (place[0] * (height - box_height + 1)).floor()
    left = (place[1] * (width - box_width + 1)).floor()
    return torch.stack([top, left, box_height, box_width], dim=1)


def _weights(start: Tensor, length: Tensor, n_in: int, n_out: int) -> Tensor:
    """Matrices (N, n_out, n_in) that resize the interval [start, start + length) px."""
    start, length = start.float()[:, None, None], length.float()[:, None, None]
    scale = length / n_out
    centre = start + (torch.arange(n_out, device=start.device)[None, :, None] + 0.5) * scale
    position = torch.arange(n_in, device=start.device)[None, None, :] + 0.5
    weight = (1 - (position - centre).abs() / scale.clamp(min=1)).clamp(min=0)
    weight = weight * ((position > start) & (position < start + length))
    return weight / weight.sum(dim=2, keepdim=True)
