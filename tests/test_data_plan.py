"""What prepare decides before it decodes: which clips are corrupted."""

from __future__ import annotations

from collections import Counter

from avgap.data.clip import Clip, Listing
from avgap.data.media.corrupt import parse
from avgap.data.plan import corrupt_ids, named_alike


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


def test_one_class_has_one_name_however_its_letters_are_composed(capsys):
    one, two = "caf\u00e9", "cafe\u0301"
    clips = [Clip("a", one, "train"), Clip("b", two, "train"), Clip("c", "dog", "train")]
    listing = named_alike(Listing(clips, (two, one, "dog"), augment=False))
    assert listing.classes == (one, "dog")
    assert [clip.label for clip in listing.clips] == [one, one, "dog"]
    assert capsys.readouterr().err == ""
    # In one form alone it stays as it is, so that yesterday's caches stay the same question.
    alone = named_alike(Listing(clips[1:], (two, "dog"), augment=False))
    assert alone.classes == (two, "dog")
    assert [clip.label for clip in alone.clips] == [two, "dog"]


def test_classes_that_look_alike_are_told(capsys):
    clips = [Clip("a", "dog", "train"), Clip("b", "Dog", "train")]
    named_alike(Listing(clips, ("Dog", "dog"), augment=False))
    assert "these classes look alike, and are told apart: 'Dog', 'dog'" in capsys.readouterr().err
