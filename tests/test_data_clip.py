"""What a listing must satisfy, and how clips are divided."""

from __future__ import annotations

from collections import Counter

import pytest

from avgap.data.clip import Clip, Listing, check
from avgap.data.splitting import hold_out_val, limited, stratified
from avgap.errors import InputError
from avgap.text import natural_order, nearest, shorten


def test_classes_are_ordered_as_people_count():
    assert natural_order(["10", "9", "2", "9"]) == ("2", "9", "10")
    assert natural_order(["-1", "-10", "0"]) == ("-10", "-1", "0")
    assert natural_order(["c10", "c9", "b", "3"]) == ("3", "b", "c9", "c10")


def test_every_problem_of_a_listing_is_told_at_once():
    clips = [
        Clip("one", "a", "train"),
        Clip("one", "a", "train"),
        Clip("two", "", "test"),
        Clip("three", "b", "validation"),
    ]
    with pytest.raises(InputError) as caught:
        check(Listing(clips, ("a", "b"), True), "clips.csv")
    assert str(caught.value) == (
        "clips.csv has 4 problems\n"
        "  the id 'one' stands more than once\n"
        "  two: no label\n"
        "  three: unknown split 'validation' (did you mean 'val'?)\n"
        "  the class 'b' has no clip in train"
    )


def test_no_clips_is_an_error():
    with pytest.raises(InputError, match=r"^clips\.csv lists no clips$"):
        check(Listing([], (), True), "clips.csv")


def test_validation_is_a_stratified_tenth_of_training_unless_the_source_names_one():
    clips = [Clip(f"{label}{i}", label, "train") for label in "abc" for i in range(50)]
    clips += [Clip("t", "a", "test")]
    placed, divided = hold_out_val(clips, 0.1, seed=0)
    assert divided
    assert Counter((c.split, c.label) for c in placed) == {
        **{("train", label): 45 for label in "abc"},
        **{("val", label): 5 for label in "abc"},
        ("test", "a"): 1,
    }
    named, divided = hold_out_val([*clips, Clip("v", "a", "val")], 0.1, seed=0)
    assert not divided
    assert sum(clip.split == "val" for clip in named) == 1


def test_the_division_depends_on_ids_and_seed_not_on_the_order():
    clips = [Clip(f"{label}{i}", label, "") for label in "ab" for i in range(30)]

    def validation(clips: list[Clip], seed: int) -> set[str]:
        return {clip.id for clip in hold_out_val(clips, 0.2, seed)[0] if clip.split == "val"}

    assert validation(clips, 0) == validation(clips[::-1], 0)
    assert validation(clips, 0) != validation(clips, 1)


def test_shares_of_uneven_classes_add_up_to_the_share_of_all():
    # CREMA-D's training set: 6,698 clips, a tenth is 670 although the classes' tenths are broken.
    sizes = {"NEU": 979, "HAP": 1145, "SAD": 1145, "FEA": 1145, "DIS": 1139, "ANG": 1145}
    strata = {f"{name}{i}": name for name, size in sizes.items() for i in range(size)}
    chosen = stratified(strata, 0.1, 0, "val")
    assert len(chosen) == 670
    counts = Counter(strata[id] for id in chosen)
    assert all(abs(counts[name] - size / 10) < 1 for name, size in sizes.items())


def test_a_limit_keeps_every_class_of_a_table_sorted_by_class():
    clips = [Clip(f"{label}{i}", label, "train") for label in "abc" for i in range(9)]
    assert [clip.id for clip in limited(clips, 4)] == ["a0", "a1", "b0", "c0"]


def test_the_nearest_name_is_found_whatever_the_case():
    assert nearest("Lable", ["label", "split"]) == "label"
    assert nearest("CSV", ["csv", "demo"]) == "csv"
    assert nearest("ogm", ["agm", "ogm-ge"]) == "ogm-ge"
    assert nearest("xyz", ["label", "split"]) is None


def test_long_lists_are_shortened():
    assert shorten(["a", "b", "c"], shown=2) == ["a", "b", "and 1 more"]
    assert shorten(["a", "b"], shown=2) == ["a", "b"]


@pytest.mark.parametrize("text", ["a\0b", "a\udcff"])
def test_text_that_a_cache_cannot_hold_is_told(text):
    clip = Clip("one", "x", "train", meta={"note": text})
    with pytest.raises(InputError) as caught:
        check(Listing([clip], ("x",), augment=True), "clips.csv")
    told = f"'one': {text!r} holds what is no text (a NUL, half a letter)"
    assert caught.value.details == (told,)
