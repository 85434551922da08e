"""Figures as files, and as elements of a page."""

from __future__ import annotations

import html
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avgap import __version__, artifact
from avgap.errors import OutputError
from avgap.figures import fonts
from avgap.figures.drawing import INK, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARK = "avgap figure"
_FORMATS = (".png", ".svg", ".pdf")


def svg(figure: Figure, name: str, title: str) -> str:
    """The figure as an <svg> element for inline use: text as text, ink in the page's text colour.

    name: unique in the page, a prefix of every id. title: what the picture shows, in words.
    """
    buffer = io.StringIO()
    # Its text is text: the fonts are those of whoever looks at it.
    with plain(**{"svg.fonttype": "none", "svg.hashsalt": name}), fonts.missing_letters():
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r"'DejaVu Sans'[^;\"]*;", "system-ui, sans-serif;", text)
    text = re.sub(r' (width|height)="[\d.]+pt"', "", text, count=2)
    text = re.sub(r'( id="|="#|url\(#)', rf"\g<1>{name}-", text)
    label = html.escape(title, quote=True)
    opening = f'<svg role="img" aria-label="{label}"'
    return text.replace("<svg", opening, 1).strip()


def expect_writable(path: Path) -> None:
    """Raise OutputError unless a figure may be saved at path."""
    if path.suffix not in _FORMATS:
        raise OutputError(f"cannot draw {path}", [f"known endings: {', '.join(_FORMATS)}"])
    if path.exists() and not (path.is_file() and MARK.encode() in path.read_bytes()):
        raise OutputError(f"{path} exists and is not a figure of avgap", hint="another file name")


def save(figure: Figure, path: Path) -> None:
    """Write a figure as .png, .svg or .pdf. Raises OutputError: another ending, a foreign file."""
    expect_writable(path)
    mark = f"{MARK} {__version__}"
    metadata: dict[str, dict[str, Any]] = {
        ".png": {"Software": mark},
        ".svg": {"Creator": mark, "Date": None},
        ".pdf": {"Creator": mark, "CreationDate": None},
    }
    # 42: TrueType, whole letters that a publisher's checks accept and a reader can select.
    salt = path.name.encode("utf-8", "backslashreplace").decode()  # a name may be no text
    ending = path.suffix
    image = io.BytesIO()  # by way of memory: a full disk must not be met within matplotlib

    def draw() -> None:
        image.seek(0)
        image.truncate()
        figure.savefig(image, format=ending[1:], dpi=200, metadata=metadata[ending])

    with plain(**{"svg.fonttype": "none", "svg.hashsalt": salt, "pdf.fonttype": 42}):
        if ending == ".svg":
            with fonts.missing_letters():
                draw()
        else:
            fonts.drawn(figure, draw)
    with artifact.atomic(path) as part:
        part.write_bytes(image.getbuffer())
