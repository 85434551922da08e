"""Boxes resized on the device equal torchvision's."""

from __future__ import annotations

import pytest
import torch
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms.v2 import functional

from avgap.data.loading.augment import crop, cropped_frames, draw_crops, random_boxes, whole_frames
from avgap.data.loading.resident import generator


@pytest.mark.parametrize("box", [(0, 0, 64, 64), (3, 10, 20, 41), (40, 1, 24, 60), (7, 7, 5, 9)])
@pytest.mark.parametrize("flip", [False, True])
def test_a_resized_box_equals_torchvisions_within_one_grey_level(
    box: tuple[int, int, int, int], flip: bool
) -> None:
    image = torch.randint(0, 256, (3, 64, 64), generator=generator("cpu", 1), dtype=torch.uint8)
    reference = functional.resized_crop(image, *box, size=[32, 32], antialias=True)
    if flip:
        reference = functional.horizontal_flip(reference)
    mine = crop(image[None].float(), torch.tensor([box]).float(), torch.tensor([flip]), 32)
    # torchvision rounds after each of its two passes, avgap never: compare in whole grey levels.
    assert (mine[0].round() - reference.float()).abs().max() <= 1


@pytest.mark.parametrize("size", [64, 56, 20])
def test_whole_frames_equal_torchvisions_resize(size: int) -> None:
    frames = torch.randint(
        0, 256, (2, 3, 64, 64, 3), generator=generator("cpu", 2), dtype=torch.uint8
    )
    mine = whole_frames(frames, size)
    assert mine.shape == (2, 3, 3, size, size)
    assert mine.dtype == torch.float32
    reference = functional.resize(frames[1, 2].permute(2, 0, 1), [size, size], antialias=True)
    assert torch.equal(mine[1, 2], reference.float())


def test_crops_on_a_cpu_are_torchvisions_and_those_of_the_products_within_a_grey_level() -> None:
    frames = torch.randint(
        0, 256, (3, 2, 64, 64, 3), generator=generator("cpu", 6), dtype=torch.uint8
    )
    crops = draw_crops(frames.shape, generator("cpu", 7), torch.device("cpu"))
    mine = cropped_frames(frames, 24, crops)
    planes = frames.permute(0, 1, 4, 2, 3)
    for clip in range(3):
        for k in range(2):
            box = crops.boxes[clip, k].long().tolist()
            reference = functional.resized_crop(planes[clip, k], *box, [24, 24], antialias=True)
            if crops.flip[clip, k]:
                reference = functional.horizontal_flip(reference)
            assert torch.equal(mine[clip, k], reference.float())
    products = crop(
        planes.flatten(0, 1).float(), crops.boxes.flatten(0, 1), crops.flip.flatten(), 24
    )
    # torchvision rounds after each of its two passes, the products never.
    assert (mine.flatten(0, 1) - products).abs().max() <= 1.01
    assert crops.flip.any()
    assert not crops.flip.all()


def test_boxes_are_distributed_as_torchvisions() -> None:
    mine = random_boxes(20_000, 64, 64, generator("cpu", 3))
    with torch.random.fork_rng():
        torch.manual_seed(4)
        image = torch.zeros(3, 64, 64)
        theirs = torch.tensor(
            [
                RandomResizedCrop.get_params(image, [0.08, 1.0], [3 / 4, 4 / 3])
                for _ in range(20_000)
            ]
        ).float()
    assert (mine[:, 0] + mine[:, 2] <= 64).all()
    assert (mine[:, 1] + mine[:, 3] <= 64).all()
    # Means of 20,000 draws with a standard deviation of about 15 px: standard error 0.1 px.
    assert (mine.mean(dim=0) - theirs.mean(dim=0)).abs().max() < 0.6
    assert (mine.std(dim=0) - theirs.std(dim=0)).abs().max() < 0.6


def test_every_frame_has_a_box_of_its_own_and_the_same_generator_repeats_them() -> None:
    frames = torch.arange(64 * 64 * 3).view(1, 1, 64, 64, 3).expand(2, 2, -1, -1, -1) % 251
    frames = frames.to(torch.uint8)

    def cropped(*key: int) -> torch.Tensor:
        crops = draw_crops(frames.shape, generator("cpu", *key), torch.device("cpu"))
        return cropped_frames(frames, 16, crops)

    one, again, other = cropped(5, 0), cropped(5, 0), cropped(5, 1)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert not torch.equal(one[0, 0], one[0, 1])
    assert not torch.equal(one[0, 0], one[1, 0])
