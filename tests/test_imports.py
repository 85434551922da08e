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

# The house, from the top to the bottom: a room uses what stands below it, and nothing beside it.
LAYERS = [
    {"cli"},
    {"adapt", "merge", "compare", "crossfit"},  # stages that call stages
    {"prepare", "warmup", "gaps", "fitgmm", "evaluate", "baseline", "report", "demo"},
    {"training", "figures"},
    {"data", "methods"},
    {"artifact"},
    {"mixture", "models", "metrics", "console"},
    {"settings", "errors"},
    {"text"},
]

# The same within a room that has several: its parts from the top to the bottom.
WITHIN = {
    "artifact": [
        {"gapstream", "scores"},
        {"predictions"},
        {"gaps", "gmm", "checkpoint", "metrics"},
        {"csv", "arrays"},
        {""},  # what the package gives: all below
        {"output"},
        {"question", "disk"},
        {"reading", "writing"},
        {"stamp", "locks"},
        {"schema"},
    ],
    "mixture": [
        {"fit"},
        {"bootstrap", "diagnostics", "initial"},
        {"em", "verdict", "result"},
        {"dip"},
        {"ties"},
        {"model", "histogram", "plain", "mendable"},
    ],
    "data": [
        {"loading", "plan", "folds"},
        {"cache", "datasets"},
        {"audit"},
        {"media"},
        {"splitting"},
        {"split_lists"},
        {"clip"},
    ],
    "report": [
        {""},
        {"describe", "rundocument", "comparison"},
        {"graphs", "samples", "words", "commands", "runtables", "seedtables"},
        {"runview", "seedgroups", "document"},
        {"grouping", "trajectories", "clips", "votes", "tables", "runfolder", "compared"},
        {"breakdown", "index", "papernumbers"},
        {"statistics"},
    ],
    "training": [
        {"run"},
        {"folder", "measure"},
        {""},
        {"loop"},
        {"updates", "inference"},
        {
            "batches",
            "device",
            "optimizer",
            "origin",
            "posteriors",
            "timing",
            "tensorboard",
            "lanes",
        },
        {"distributed"},
    ],
}


def modules() -> dict[str, Path]:
    """Every module of ours by its name; a package goes by the package's."""
    names = {
        path.relative_to(ROOT.parent).with_suffix("").as_posix().replace("/", "."): path
        for path in ROOT.rglob("*.py")
    }
    return {name.removesuffix(".__init__"): path for name, path in names.items()}


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
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {module_of(name) for name in names if name.split(".")[0] == "avgap"}


def module_of(name: str) -> str:
    """The module that an imported name is, or that it is taken from."""
    while name not in MODULES:
        name = name.rpartition(".")[0]
    return name


MODULES = modules()
IMPORTS = {module: imports(path) - {module} for module, path in MODULES.items()}


def part(module: str, depth: int) -> str:
    """The name at a depth: of avgap.data.cache.reader data at 1, cache at 2; "" where it ends."""
    names = module.split(".")
    return names[depth] if len(names) > depth else ""


def room(module: str) -> str:
    return part(module, 1)


def level(name: str, layers: list[set[str]]) -> int:
    return next(i for i, layer in enumerate(layers) if name in layer)


def test_every_room_and_every_part_of_one_has_its_place() -> None:
    assert {room(m) for m in MODULES} - {"", "__main__"} == set().union(*LAYERS)
    for name, layers in WITHIN.items():
        parts = {part(m, 2) for m in MODULES if room(m) == name}
        assert parts - {""} == set().union(*layers) - {""}, name


def test_the_top_of_the_house_has_few_rooms() -> None:
    files = {path.stem for path in ROOT.glob("*.py")}
    assert len(files) <= 18
    folders = {path.relative_to(ROOT).parts[0] for path in ROOT.glob("*/*") if path.is_file()}
    assert len(folders - {"__pycache__"}) <= 11


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"avgap", "avgap.__main__"}))
def test_a_module_imports_only_what_stands_below_it(module: str) -> None:
    mine = room(module)
    for name in IMPORTS[module] - {"avgap"}:
        theirs = room(name)
        if mine != theirs:
            assert level(theirs, LAYERS) > level(mine, LAYERS), f"{module} imports {name}"
        elif mine in WITHIN and part(module, 2) != part(name, 2):
            layers = WITHIN[mine]
            above, below = level(part(module, 2), layers), level(part(name, 2), layers)
            assert below > above, f"{module} imports {name}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    left = {module: set(used) for module, used in IMPORTS.items() if module != "avgap"}
    while free := [m for m, used in left.items() if not used & left.keys()]:
        for module in free:
            del left[module]
    assert not left, {module: sorted(used & left.keys()) for module, used in left.items()}


def test_decoding_knows_neither_datasets_nor_caches() -> None:
    """What a worker process imports is what it needs."""
    for module, used in IMPORTS.items():
        if module.startswith("avgap.data.media"):
            assert not {part(name, 2) for name in used if room(name) == "data"} & {
                "datasets",
                "cache",
                "loading",
            }, module


@pytest.mark.parametrize("room_name", ["methods", "models", "metrics"])
def test_mathematics_knows_no_files(room_name: str) -> None:
    for module, names in IMPORTS.items():
        # AdaptiveLoss takes a mixture by the path of its gmm.json, too.
        if room(module) == room_name and module != "avgap.methods.adaptiveloss":
            used = {room(name) for name in names}
            assert not used & {"artifact", "console", "data", "training"}, module


def test_data_knows_no_model() -> None:
    for module, names in IMPORTS.items():
        if room(module) == "data":
            assert not {room(name) for name in names} & {"models", "methods", "training"}, module


def test_only_the_console_prints() -> None:
    for module, path in MODULES.items():
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
    assert not loaded & {"torch", "sklearn", "librosa", "decord", "av", "matplotlib"}


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
