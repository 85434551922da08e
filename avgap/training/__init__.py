"""Training and the passes of a trained model: one loop for every method and every phase.

run: what warmup, adapt and baseline share, on top of all else here. loop: epochs, validation, the
record. updates: one batch, eager or as a CUDA graph. batches: a split as a method sees it.
optimizer, timing, tensorboard: what their names say. folder: checkpoints, best and the log.
inference, measure: the forward pass over a split, and the gaps by it. origin: what a checkpoint
has seen. device, distributed: where all of it runs, on one process or many.
"""

from avgap.training.loop import TrainSetup, TrainState, train
from avgap.training.optimizer import make_optimizer, restore, state_of

__all__ = ["TrainSetup", "TrainState", "make_optimizer", "restore", "state_of", "train"]
