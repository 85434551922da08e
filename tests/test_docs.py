"""The documents agree with the program."""

from __future__ import annotations

import ast
import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from avgap import artifact

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def make_commands() -> str:
    # In a process of its own: the width of the help is settled when typer is first imported.
    code = "import make_commands; print(make_commands.document(), end='')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "docs",
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
        env={"PATH": "/usr/bin:/bin", "PYTHONUTF8": "1", "PYTHONPATH": str(ROOT)},
    )
    return done.stdout


def test_the_document_of_the_commands_is_the_programs_own_help() -> None:
    assert (ROOT / "docs" / "commands.md").read_text(encoding="utf-8") == make_commands(), (
        "run python docs/make_commands.py"
    )


def test_every_command_is_documented_with_an_example() -> None:
    spec = importlib.util.find_spec("avgap.cli")
    assert spec is not None
    from avgap.cli import app

    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    for command in app.registered_commands:
        assert command.callback is not None
        name = command.name or command.callback.__name__
        section = text.split(f"## avgap {name}\n")[1].split("\n## ")[0]
        assert re.search(rf"^  avgap {name} \S", section, re.MULTILINE), name


def set_up_commands() -> list[str]:
    return re.findall(r"^python3 -m venv .*$", README, re.MULTILINE)


def test_the_readme_has_two_set_up_commands_and_the_ci_runs_both() -> None:
    commands = set_up_commands()
    assert len(commands) == 2
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    workflow = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    for command in commands:
        assert command in script.splitlines()
        assert command in map(str.strip, workflow.splitlines())
    assert 'python: ["3.10", "3.12", "3.13"]' in workflow


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text) + re.findall(r'src="([^"]+)"', text):
        if not target.startswith(("http://", "https://")):
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_shown_in_documents_are_understood(document: Path) -> None:
    from typer.main import get_command

    from avgap.cli import app

    known = get_command(app).commands  # type: ignore[attr-defined]
    text = document.read_text(encoding="utf-8")
    blocks = re.findall(r"```(?:sh|bash|console)\n(.*?)```", text, re.DOTALL)
    for line in "\n".join(blocks).replace("\\\n", " ").splitlines():
        for words in re.findall(r"(?:^|[|;&]\s*|\$ )avgap ([^|;&#]+)", line.strip()):
            name, *rest = words.split()
            assert name in known or name.startswith("-"), line
            if name in known:
                options = {o for p in known[name].params for o in p.opts}
                used = {word.split("=")[0] for word in rest if word.startswith("-") and word != "-"}
                assert used <= options, line


# ---------------------------------------------------------------- names

FILES = {
    path.relative_to(ROOT).as_posix()
    for folder in ("avgap", "docs", "tests", ".ci")
    for path in (ROOT / folder, *(ROOT / folder).rglob("*"))
    if "__pycache__" not in path.parts
}
_PLACEHOLDER = re.compile(r"NAME|…|\*")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_and_functions_that_documents_name_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    # name.py, name.py:function, avgap/folder/, tests/…: in the tree, in avgap/, or, without a
    # folder, anywhere.
    places = r"(?<![\w/.-])((?:avgap|tests|docs)/[\w/.-]*|[\w/-]+\.py)(?::([A-Za-z_][\w.]*))?"
    for place, name in re.findall(places, text):
        if _PLACEHOLDER.search(place):
            continue
        found = sorted(
            file
            for file in FILES
            if file in (place.rstrip("/."), f"avgap/{place}")
            or ("/" not in place and file.endswith(f"/{place}"))
        )
        assert found, f"{document.name} names {place}"
        if name:
            assert any(defines(file, name) for file in found), f"{document.name}: {place}:{name}"


def defines(file: str, name: str) -> bool:
    """Whether a Python file defines a function, class or method of this dotted name."""
    body = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
    for word in name.split("."):
        kinds = (ast.FunctionDef, ast.ClassDef)
        there = [node for node in body if isinstance(node, kinds) and node.name == word]
        if not there:
            return False
        body = there[0].body
    return True


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_modules_and_names_that_documents_name_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for dotted in sorted(set(re.findall(r"(?<![\w./-])avgap(?:\.[A-Za-z_]\w*)+", text))):
        if dotted in artifact.FORMATS or _PLACEHOLDER.search(dotted):
            continue
        words = dotted.split(".")
        end = max(n for n in range(1, len(words) + 1) if is_module(words[:n]))
        there: Any = importlib.import_module(".".join(words[:end]))
        for word in words[end:]:
            assert hasattr(there, word), f"{document.name} names {dotted}"
            there = getattr(there, word)


def is_module(words: list[str]) -> bool:
    place = "/".join(words)
    return f"{place}.py" in FILES or f"{place}/__init__.py" in FILES


# ---------------------------------------------------------------- what the program says

# What the documents quote of others, and a term of their own.
QUOTED = {
    "from scratch",
    "initially converged",
    "training set and validation set according to the ratio of 9/1",
    "using current GMM parameters",
    "The peers",
}
GENERATED = ("api.md", "commands.md")


@cache
def sentences() -> tuple[str, list[re.Pattern[str]]]:
    """Every text in the program, and the patterns of those with values in them."""
    plain, patterns = [], []
    for path in (ROOT / "avgap").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                plain.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = [
                    re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+"
                    for part in node.values
                ]
                if sum(len(part) for part in parts if part != ".+") >= 8:
                    patterns.append(re.compile("".join(parts)))
    return "\n".join(plain), patterns


def headings() -> Iterator[str]:
    """What the documents refer to by its name: headings, and the bold names of choices."""
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        yield from re.findall(r"^#+ (.+)$", text, flags=re.M)
        yield from re.findall(r"^\*\*(.+?)\.?\*\*", text, flags=re.M)


@pytest.mark.parametrize(
    "document", [d for d in DOCUMENTS if d.name not in GENERATED], ids=lambda path: path.name
)
def test_sentences_in_quotation_marks_are_the_programs_own(document: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.M | re.S)
    flat = " ".join(re.sub(r"`[^`]*`", "", text).split())
    plain, patterns = sentences()
    known = QUOTED | set(headings())
    for quote in (text for text in re.findall(r'"([^"]+)"', flat) if " " in text):
        said = quote in plain or any(pattern.fullmatch(quote) for pattern in patterns)
        assert said or quote in known, f"{document.name} quotes {quote!r}, which nothing prints"


def consoles() -> list[tuple[str, str]]:
    """Document and text of every ```console block: lines after $ are typed, the others printed."""
    blocks = []
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        found = re.findall(r"^```console\n(.*?)^```$", text, flags=re.M | re.S)
        blocks += [(document.name, block) for block in found]
    return blocks


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(("document", "block"), consoles())
def test_output_that_documents_show_is_what_the_commands_print(
    document: str, block: str, tmp_path: Path
) -> None:
    typed = re.findall(r"^\$ (.*)$", block, flags=re.M)
    script = [f'avgap() {{ "{sys.executable}" -m avgap "$@"; }}']
    script += [f'python() {{ "{sys.executable}" "$@"; }}', "set -eu", *typed]
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    printed = [line for line in block.splitlines() if not line.startswith("$ ")]
    assert done.stdout.splitlines() == printed


def test_blocks_of_the_documents_are_of_a_kind_that_is_tested() -> None:
    # sh and console: commands; python: the documents' own tests run it; text: help and layouts;
    # none: the one drawing.
    found = set()
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        blocks = re.findall(r"^```(\S*)[^\n]*\n.*?^```$", text, flags=re.M | re.S)
        found |= {(document.name, kind) for kind in blocks}
    kinds = {kind for _, kind in found}
    assert kinds <= {"sh", "console", "python", "text", ""}
    assert {name for name, kind in found if kind == "text"} == {"commands.md", "datasets.md"}
    assert {name for name, kind in found if kind == ""} == {"method.md"}
