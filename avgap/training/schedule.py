"""The learning rate of an epoch: constant, in steps, or along a cosine."""

from __future__ import annotations

import math

from avgap.settings import Training


def learning_rate(settings: Training, epoch: int, epochs: int) -> float:
    """The learning rate of an epoch, 0-based within the phase, which has `epochs` of them.

    constant: settings.learning_rate. step: times lr_decay after every lr_step epochs. cosine: down
    to zero at the end of the phase (Loshchilov and Hutter 2017, without restarts).
    """
    rate = settings.learning_rate
    if settings.lr_schedule == "step":
        return rate * settings.lr_decay ** (epoch // settings.lr_step)
    if settings.lr_schedule == "cosine":
        return rate * (1 + math.cos(math.pi * epoch / epochs)) / 2
    return rate
