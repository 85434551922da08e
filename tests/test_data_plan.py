"""What prepare decides before it decodes: which clips are corrupted."""

from __future__ import annotations

from collections import Counter

from avgap.data.clip import Clip
from avgap.data.media.corrupt import parse
from avgap.data.plan import corrupt_ids


def test_the_share_is_kept_in_every_split_and_class():
    clips = [
        Clip(f"{split}{label}{i}", label, split)
        for split, count in (("train", 40), ("test", 10))
        for label in "ab"
        for i in range(count)
    ]
    chosen = corrupt_ids(clips, parse("visual:0.2"), seed=0)
    assert Counter((c.split, c.label) for c in clips if c.id in chosen) == {
        ("train", "a"): 8,
        ("train", "b"): 8,
        ("test", "a"): 2,
        ("test", "b"): 2,
    }
    assert chosen == corrupt_ids(clips[::-1], parse("visual:0.2"), seed=0)
    assert chosen != corrupt_ids(clips, parse("visual:0.2"), seed=1)
    assert corrupt_ids(clips, None, seed=0) == set()
    trained = {clip.id for clip in clips if clip.split == "train"}
    assert corrupt_ids(clips, parse("visual:0.2"), 0, ["train"]) == chosen & trained
