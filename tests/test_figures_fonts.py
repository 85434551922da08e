"""Letters that the usual font lacks are drawn by another, or told once, in one sentence."""

from __future__ import annotations

import warnings

import pytest
from matplotlib import font_manager

from avgap import figures
from avgap.figures import drawing, fonts


def letters_of(font):
    path = font_manager.findfont(font, fallback_to_default=False)
    return set(font_manager.get_font(path).get_charmap())


def titled(text):
    figure = drawing.blank(3, 2)
    figure.subplots().set_title(text)
    return figure


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch):
    monkeypatch.setattr(fonts, "_told", set())


@pytest.mark.parametrize("ending", [".png", ".pdf"])
def test_letters_of_no_font_are_told_once(tmp_path, capsys, ending, monkeypatch):
    nowhere = "犬"
    monkeypatch.setattr(fonts, "_fonts_for", lambda letters: ([], letters))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures.save(titled(f"a {nowhere}"), tmp_path / f"a{ending}")
        figures.save(titled(f"b {nowhere}"), tmp_path / f"b{ending}")
    told = capsys.readouterr().err
    assert told.count("no font here has") == 1
    assert "Glyph" not in told


def test_an_installed_font_is_taken_where_the_usual_one_lacks_a_letter(tmp_path, capsys):
    lacking = sorted(letters_of("STIXGeneral") - letters_of("DejaVu Sans"))
    letter = chr(next(code for code in lacking if code > 0x2000))
    figure = titled(f"{letter}!")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures.save(figure, tmp_path / "a.pdf")
    assert capsys.readouterr().err == ""
    assert len(figure.axes[0].title.get_fontfamily()) > 1


def test_a_page_and_an_svg_leave_the_letters_to_the_reader(tmp_path, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "犬" in figures.svg(titled("犬"), "f", "dogs")
        figures.save(titled("犬"), tmp_path / "a.svg")
    assert "犬" in (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert capsys.readouterr().err == ""


def test_other_warnings_are_not_held_back():
    with pytest.warns(UserWarning, match="of another kind"):
        fonts.drawn(
            titled("a"), lambda: warnings.warn("of another kind", UserWarning, stacklevel=1)
        )
