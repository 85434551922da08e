"""The one loop, for every method and every phase: what an epoch is, and how its steps are made.

loop: epochs, validation, the record. updates: one batch, eager or as a CUDA graph. optimizer,
timing: what their names say. batches: the data as a method sees it between epochs.
"""

from avgap.training.loop import TrainSetup, TrainState, train
from avgap.training.optimizer import make_optimizer, restore, state_of

__all__ = ["TrainSetup", "TrainState", "make_optimizer", "restore", "state_of", "train"]
