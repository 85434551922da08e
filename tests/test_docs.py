"""The documents agree with the program."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

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
    for command in commands:
        assert command in script.splitlines()


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
