"""Who may import whom, and what start-up loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import avgap

ROOT = Path(avgap.__file__).parent
HEAVY = {
    "torch",
    "torchvision",
    "sklearn",
    "scipy",
    "librosa",
    "decord",
    "av",
    "h5py",
    "matplotlib",
}
HEAVY |= {"numpy", "jinja2", "PIL", "pebble", "rich.console"}

# From the top to the bottom: a module may import what stands below it.
LAYERS = [
    {"cli", "__main__"},
    {"demo"},
    {"adapt", "baseline", "compare"},
    {"warmup", "evaluate", "prepare", "merge", "report"},
    {"fitgmm", "gaps"},
    {"training", "figures"},
    {"methods"},
    {"data"},
    {"artifact"},
    {"models", "mixture", "metrics", "console"},
    {"settings", "errors", "text"},
]


def modules() -> dict[str, Path]:
    return {
        path.relative_to(ROOT.parent).with_suffix("").as_posix().replace("/", "."): path
        for path in ROOT.rglob("*.py")
    }


def imports(path: Path) -> set[str]:
    """Every module of ours that a file imports, in its functions, too, but not for types alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and ast.unparse(branch.test) == "TYPE_CHECKING"
        for node in ast.walk(branch)
    }
    names = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.split(".")[0] == "avgap"}


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "avgap"


def level(name: str) -> int | None:
    return next((i for i, layer in enumerate(LAYERS) if name in layer), None)


def test_every_module_has_its_place() -> None:
    rooms = {room(module) for module in modules()} - {"__init__"}
    assert rooms <= set().union(*LAYERS), rooms - set().union(*LAYERS)


@pytest.mark.parametrize("module", sorted(modules()))
def test_a_module_imports_only_what_stands_below_it(module: str) -> None:
    mine = level(room(module))
    for name in imports(modules()[module]):
        theirs = level(room(name))
        if mine is None or theirs is None or room(name) == room(module):
            continue
        assert theirs > mine or (theirs == mine and room(name) in LAYERS[mine]), (
            f"{module} imports {name}"
        )


@pytest.mark.parametrize("room_name", ["methods", "models", "metrics"])
def test_mathematics_knows_no_files(room_name: str) -> None:
    for module, path in modules().items():
        # AdaptiveLoss takes a mixture by the path of its gmm.json, too.
        if room(module) == room_name and module != "avgap.methods.adaptiveloss":
            used = {room(name) for name in imports(path)}
            assert not used & {"artifact", "console", "checkpoint", "gaps", "data"}, module


def test_data_knows_no_model() -> None:
    for module, path in modules().items():
        if room(module) == "data":
            assert not {room(name) for name in imports(path)} & {"models", "methods", "training"}, (
                module
            )


def test_only_the_console_prints() -> None:
    for module, path in modules().items():
        if room(module) != "console":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
            assert not [f for f in calls if isinstance(f, ast.Name) and f.id == "print"], module


def loaded_after(code: str) -> set[str]:
    """The heavy modules in memory after running code in a fresh process."""
    watch = f"import sys\n{code}\nprint(*sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", watch], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "command", ["", "prepare ", "warmup ", "baseline ", "gaps ", "fitgmm ", "report ", "compare "]
)
def test_help_loads_nothing_heavy(command: str) -> None:
    words = [*command.split(), "--help"]
    code = f"import avgap.cli\ntry:\n    avgap.cli.app({words!r})\nexcept SystemExit: pass"
    assert loaded_after(code) == set()


def test_importing_avgap_loads_nothing_heavy() -> None:
    assert loaded_after("import avgap") == set()


def test_fitting_and_describing_a_mixture_loads_no_torch(tmp_path: Path) -> None:
    code = (
        "import numpy as np, pathlib\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "rng = np.random.default_rng(0)\n"
        "gap = np.r_[rng.normal(0, .1, 300), rng.normal(.6, .1, 60)].clip(-1, 1)\n"
        "np.save(folder / 'gaps.npy', gap)\n"
        "from avgap.fitgmm import fitgmm\n"
        "from avgap.report import describe\n"
        "fitgmm(folder / 'gaps.npy', folder / 'gmm.json')\n"
        "describe(folder / 'gmm.json')"
    )
    loaded = loaded_after(code)
    assert "sklearn" in loaded
    assert not loaded & {"torch", "librosa", "decord", "av", "matplotlib"}


def test_gaps_of_anybodys_scores_load_no_torch(tmp_path: Path) -> None:
    code = (
        "import numpy as np, pathlib\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "prob = np.array([0.25, 0.5])\n"
        "np.savez(folder / 'scores.npz', audio_prob=prob, visual_prob=prob[::-1])\n"
        "from avgap.cli import app\n"
        "try:\n"
        "    scores, gaps = str(folder / 'scores.npz'), str(folder / 'g.h5')\n"
        "    app(['gaps', '--predictions', scores, '-o', gaps])\n"
        "except SystemExit: pass\n"
        "print()"
    )
    assert not loaded_after(code) & {"torch", "librosa", "decord", "av", "matplotlib", "sklearn"}
    assert (tmp_path / "g.h5").exists()


def test_training_runs_where_decoders_and_plots_are_not_installed(
    cache: Path, tmp_path: Path
) -> None:
    code = (
        "import sys\n"
        "for name in ('decord', 'librosa', 'av', 'soundfile', 'matplotlib', 'jinja2', 'pebble',\n"
        "             'PIL.Image', 'tensorboard', 'cv2'):\n"
        "    sys.modules[name] = None\n"
        "from pathlib import Path\n"
        "from avgap.adapt import adapt\n"
        "from avgap.evaluate import evaluate\n"
        "from avgap.settings import Adaptive, Network, Training\n"
        "from avgap.warmup import warmup\n"
        f"cache, out = Path({str(cache)!r}), Path({str(tmp_path)!r})\n"
        "start = warmup(cache, out / 'w', loss='joint', network=Network('small', 'small'),\n"
        "               settings=Training(epochs=1)).path\n"
        "end = adapt(cache, start, out / 'a', settings=Adaptive(steps=1, epochs=1)).path\n"
        "evaluate(cache, end, out / 'm.json')\n"
        "print()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (tmp_path / "m.json").exists()


def test_the_public_names_are_there() -> None:
    for name in avgap.__all__:
        assert getattr(avgap, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        avgap.nothing  # noqa: B018
