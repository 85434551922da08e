"""Names that look alike."""

from __future__ import annotations

import pytest

from avgap.text import look_alike, one_form

ONE, TWO = "caf\u00e9", "cafe\u0301"  # composed, and as macOS writes it


def test_a_text_in_two_forms_has_one_name():
    assert one_form([ONE, TWO, "dog"]) == {ONE: ONE, TWO: ONE, "dog": "dog"}


def test_a_text_in_one_form_keeps_it():
    assert one_form([TWO, "dog"]) == {TWO: TWO, "dog": "dog"}


@pytest.mark.parametrize("other", ["Dog", "dog\u200b", "ｄｏｇ", " dog", "d\u00adog"])
def test_names_that_a_reader_takes_for_one_are_found(other):
    assert look_alike(["cat", "dog", other]) == [sorted(["dog", other])]


@pytest.mark.parametrize("other", ["dogs", "d o g", "d0g", "dóg"])
def test_names_that_are_told_apart_are_not(other):
    assert look_alike(["dog", other]) == []
