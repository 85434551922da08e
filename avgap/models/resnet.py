"""ResNet-18 from scratch, the paper's backbone (§4.2), for spectrograms and for frames."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from avgap.errors import InputError


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation that also takes one value per channel, which has no statistics.

    So ends the last batch where it is one small clip, or a process's share of it: it is normalised
    by the running statistics, as in evaluation, and does not enter them.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → the same shape."""
        if not self.training or x.numel() > x.shape[1]:
            return super().forward(x)
        return functional.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )


class ResNet18(nn.Module):
    """torchvision's ResNet-18 without its classifier: (N, C, H, W) → (N, 512), average-pooled.

    As in the peers' code, the first convolution alone knows the number of channels.
    """

    features = 512
    widths = (64, 128, 256, 512)

    def __init__(self, channels: int) -> None:
        super().__init__()
        try:
            from torchvision.models import resnet18
        except RuntimeError as error:  # "operator torchvision::nms does not exist"
            raise InputError(
                f"torchvision does not fit the installed torch {torch.__version__}",
                [str(error).splitlines()[0]],
                "pip install --force-reinstall torch torchvision (both from the same index)",
            ) from error
        self.body = resnet18(weights=None, norm_layer=BatchNorm)
        self.body.fc = nn.Identity()
        if channels != 3:
            self.body.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
            nn.init.kaiming_normal_(self.body.conv1.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, 512)."""
        features: Tensor = self.body(x)
        return features

    def stage(self, number: int, x: Tensor) -> Tensor:
        """The numbered group of blocks, 0…3 (0 with the stem): (N, C, H, W) → (N, C′, H′, W′)."""
        if number == 0:
            x = self.body.maxpool(self.body.relu(self.body.bn1(self.body.conv1(x))))
        out: Tensor = getattr(self.body, f"layer{number + 1}")(x)
        return out


def resnet18(shape: tuple[int, ...]) -> ResNet18:
    """ResNet-18 for inputs of shape (C, H, W)."""
    return ResNet18(shape[0])
