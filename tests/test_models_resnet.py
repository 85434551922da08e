"""ResNet-18 where batch statistics end: one value per channel."""

from __future__ import annotations

import torch
from torch import nn

from avgap.models.resnet import BatchNorm, resnet18


def test_one_small_clip_alone_trains_and_leaves_the_statistics() -> None:
    torch.manual_seed(0)
    network = resnet18((1, 32, 32)).train()
    network(torch.randn(8, 1, 32, 32))
    deep = network.body.layer4[1].bn2
    before = deep.running_mean.clone()
    features = network(torch.randn(1, 1, 32, 32))  # its last stages see one value per channel
    features.sum().backward()
    assert features.isfinite().all()
    assert torch.equal(deep.running_mean, before)
    assert network.body.layer4[1].conv2.weight.grad.isfinite().all()


def test_all_other_batches_are_normalised_as_torch_does() -> None:
    ours, theirs = BatchNorm(3), nn.BatchNorm2d(3)
    for shape in ((4, 3, 2, 2), (1, 3, 2, 2), (2, 3, 1, 1)):
        x = torch.randn(shape)
        assert torch.equal(ours(x), theirs(x))
    assert torch.equal(ours.running_var, theirs.running_var)
    assert torch.equal(ours.eval()(x), theirs.eval()(x))
