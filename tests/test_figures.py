"""The figures: what data they draw, and how they are written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from avgap import figures
from avgap.errors import OutputError
from avgap.mixture.model import Component, Mixture

MIXTURE = Mixture(Component(0.8, 0.0, 0.01), Component(0.2, 0.6, 0.02))
GAP = np.clip(MIXTURE.sample(2000, np.random.default_rng(0)), -1, 1)


def record(phase, step, fused, audio, visual):
    return {"phase": phase, "step": step, "val": {"fused": fused, "audio": audio, "visual": visual}}


HISTORY = [
    record("warmup", 0, 0.4, 0.35, 0.20),
    record("warmup", 0, 0.6, 0.50, 0.30),
    record("adapt", 1, 0.65, 0.50, 0.42),
    record("adapt", 2, 0.7, 0.52, 0.50),
]


def lines_of(axes):
    return {line.get_label(): line for line in axes.lines}


def test_the_histogram_shows_each_weighted_component_and_their_sum():
    (axes,) = figures.gap_histogram(GAP, MIXTURE).axes
    lines = lines_of(axes)
    assert list(lines) == [
        "balanced: π₀ = 0.800, μ = 0.000, σ = 0.1",
        "imbalanced: π₁ = 0.200, μ = 0.600, σ = 0.14",
        "sum",
    ]
    balanced, imbalanced, total = (line.get_ydata() for line in lines.values())
    np.testing.assert_allclose(balanced + imbalanced, total)
    # 0.8 / (0.1 √(2π)) = 3.1915
    assert balanced.max() == pytest.approx(3.1915, abs=1e-3)


def test_three_components_are_drawn_in_the_colours_of_their_modality_and_one_without_a_sum():
    three = Mixture.of(*(Component(w, m, 0.01) for w, m in ((0.7, 0.0), (0.2, 0.6), (0.1, -0.6))))
    (axes,) = figures.gap_histogram(GAP, three).axes
    colours = {line.get_label().split(":")[0]: line.get_color() for line in axes.lines}
    assert list(colours) == ["balanced", "audio-dominant", "visual-dominant", "sum"]
    assert colours["audio-dominant"] == figures.COLOURS["audio"]
    assert colours["visual-dominant"] == figures.COLOURS["visual"]
    (axes,) = figures.gap_histogram(GAP, Mixture(Component(1.0, 0.1, 0.04))).axes
    assert list(lines_of(axes)) == ["balanced: π₀ = 1.000, μ = 0.100, σ = 0.2"]


def test_the_histogram_is_a_density():
    (axes,) = figures.gap_histogram(GAP).axes
    values, edges, _ = axes.patches[0].get_data()
    assert (values * np.diff(edges)).sum() == pytest.approx(1)
    assert (edges[0], edges[-1]) == (-1, 1)


def test_a_late_sharp_peak_gets_narrow_bins_and_a_curve_that_reaches_its_top():
    sharp = Mixture(Component(0.9, 0.013, 1e-6), Component(0.1, 0.1, 0.01))
    gap = np.clip(sharp.sample(2000, np.random.default_rng(0)), -1, 1)
    assert np.diff(figures.histogram_edges(gap)).max() == pytest.approx(0.01)
    top = sharp.density(0.013)
    assert sharp.density(figures.curve_grid(sharp)).max() == pytest.approx(top, rel=1e-6)


def test_the_evolution_has_a_panel_per_round_and_three_trends():
    later = Mixture(Component(0.9, 0.0, 0.0025), Component(0.1, 0.3, 0.02))
    rounds = [
        figures.Round("after warm-up", GAP, MIXTURE),
        figures.Round("after round 1", GAP / 2, later),
    ]
    axes = figures.evolution(rounds).axes
    titles = [a.get_title() for a in axes if a.get_title()]
    assert titles[:2] == ["after warm-up", "after round 1"]
    trends = {a.get_title(): a.lines[0].get_ydata() for a in axes[-3:]}
    assert list(trends["imbalanced weight π₁"]) == [0.2, 0.1]
    assert list(trends["imbalanced mean μ₁"]) == [0.6, 0.3]
    expected = [float(MIXTURE.density(0.0)), float(later.density(0.0))]
    assert list(trends["density at the origin"]) == expected


def test_a_round_without_a_mixture_is_drawn_as_bars_alone():
    rounds = [figures.Round("a", GAP, None), figures.Round("b", GAP, MIXTURE)]
    axes = figures.evolution(rounds).axes
    assert len(axes[0].lines) == 0
    assert list(axes[-1].lines[0].get_xdata()) == [1]


def test_a_round_that_shows_no_groups_has_neither_weight_nor_mean():
    rounds = [
        figures.Round("a", GAP, MIXTURE, supported=False),
        figures.Round("b", GAP, MIXTURE),
    ]
    axes = figures.evolution(rounds).axes
    assert (axes[0].get_title(), len(axes[0].lines)) == ("a: no two groups", 0)
    trends = {a.get_title(): list(a.lines[0].get_xdata()) for a in axes[-3:]}
    assert trends == {
        "imbalanced weight π₁": [1],
        "imbalanced mean μ₁": [1],
        "density at the origin": [0, 1],
    }
    none = figures.evolution([figures.Round("a", GAP, MIXTURE, supported=False)] * 2)
    assert [a.get_title() for a in none.axes[3:]] == ["density at the origin"]


def test_accuracy_is_drawn_in_percent_with_the_phases_parted():
    upper, lower = figures.accuracy(HISTORY).axes
    lines = lines_of(upper)
    np.testing.assert_allclose(lines["fused"].get_ydata(), [40, 60, 65, 70])
    np.testing.assert_allclose(lines["audio"].get_xdata(), [1, 2, 3, 4])
    dashed = [line.get_xdata()[0] for line in upper.lines if line.get_linestyle() == "--"]
    assert dashed == [2.5]
    top = lower.collections[0].get_paths()[0].vertices[:, 1].max()
    assert top == pytest.approx(20)  # 50 − 30


def test_epochs_without_validation_are_left_out():
    history = [*HISTORY, {"phase": "adapt", "step": 2, "val": None}]
    upper, _ = figures.accuracy(history).axes
    np.testing.assert_allclose(lines_of(upper)["visual"].get_xdata(), [1, 2, 3, 4])


def test_every_modality_and_component_has_its_own_colour():
    assert set(figures.COLOURS) == {"audio", "visual", "fused", "balanced", "imbalanced"}
    assert len(set(figures.COLOURS.values())) == 5


@pytest.mark.parametrize("ground", ["#ffffff", "#1b1f26"])
@pytest.mark.parametrize("name", list(figures.COLOURS))
def test_every_colour_stands_out_from_the_light_and_the_dark_ground(name, ground):
    def luminance(colour):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    low, high = sorted((luminance(figures.COLOURS[name]), luminance(ground)))
    assert (high + 0.05) / (low + 0.05) >= 3  # WCAG 1.4.11, graphical objects


# ---------------------------------------------------------------- writing


def test_inline_svg_is_well_formed_text_in_the_pages_own_colour():
    text = figures.svg(figures.gap_histogram(GAP, MIXTURE), "a", 'gaps <"of" run>')
    root = ET.fromstring(text)
    assert root.attrib["aria-label"] == 'gaps <"of" run>'
    assert "modality gap" in text
    assert "currentColor" in text
    assert "#010203" not in text
    assert "http" not in re.sub(r'xmlns(:xlink)?="[^"]*"', "", text)


def test_two_inline_figures_share_no_id_and_refer_to_their_own():
    texts = [figures.svg(figures.accuracy(HISTORY), name, "t") for name in ("a", "b")]
    ids = [set(re.findall(r' id="([^"]+)"', text)) for text in texts]
    assert ids[0]
    assert not ids[0] & ids[1]
    for text, known in zip(texts, ids, strict=True):
        assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', text)) <= known


def test_the_same_figure_is_the_same_text():
    assert figures.svg(figures.evolution([figures.Round("a", GAP, MIXTURE)] * 2), "e", "t") == (
        figures.svg(figures.evolution([figures.Round("a", GAP, MIXTURE)] * 2), "e", "t")
    )


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_a_saved_figure_is_replaced_but_a_foreign_file_never(tmp_path, ending):
    path = tmp_path / f"figure.{ending}"
    figures.save(figures.gap_histogram(GAP, MIXTURE), path)
    before = path.read_bytes()
    figures.save(figures.gap_histogram(GAP), path)
    assert path.read_bytes() != before
    path.write_bytes(b"someone's own picture")
    with pytest.raises(OutputError, match="is not a figure of avgap"):
        figures.save(figures.gap_histogram(GAP), path)
    assert path.read_bytes() == b"someone's own picture"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(OutputError) as caught:
        figures.save(figures.gap_histogram(GAP), tmp_path / "figure.bmp")
    assert caught.value.details == ("known endings: .png, .svg, .pdf",)


def test_drawing_leaves_matplotlibs_settings_alone(tmp_path):
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    figures.svg(figures.accuracy(HISTORY), "a", "t")
    figures.save(figures.gap_histogram(GAP), tmp_path / "f.png")
    assert dict(mpl.rcParams) == before


def test_the_accuracies_stand_in_the_order_given_and_the_reference_is_bold():
    groups = {
        "better": {"fused": [0.8], "audio": [0.3], "visual": [0.1]},
        "worse": {"fused": [0.5, 0.7], "audio": [0.4, 0.4], "visual": [0.2, 0.2]},
        "unmeasured": {"fused": [], "audio": [], "visual": []},
    }
    (axes,) = figures.accuracies(groups, "worse").axes
    labels = axes.get_yticklabels()
    assert [t.get_text() for t in labels] == ["better", "worse", "unmeasured"]
    assert [t.get_fontweight() == "bold" for t in labels] == [False, True, False]
    np.testing.assert_allclose(lines_of(axes)["fused"].get_xdata(), [80, 60, np.nan])


def test_a_difference_is_grey_where_its_interval_holds_nought():
    changes = [figures.Change("a", 0.1, 0.05, 0.15), figures.Change("b", 0.2, -0.1, 0.5)]
    changes += [figures.Change("c", -0.2, -0.3, -0.1)]
    (axes,) = figures.differences(changes, "concat").axes
    assert [t.get_text() for t in axes.get_yticklabels()] == ["a", "b", "c"]
    bars = [line for line in axes.lines if len(line.get_xdata()) == 2][:3]
    assert [bar.get_color() for bar in bars] == [
        figures.COLOURS[name] for name in ("fused", "balanced", "imbalanced")
    ]


def test_long_names_are_wrapped():
    name = (
        "adaptive loss=mend fit_criterion=nec posteriors=yes pull=weaker keep_unimodal=yes gamma=1"
    )
    figure = figures.differences([figures.Change(name, 0.1, 0.05, 0.15)], name)
    (label,) = figure.axes[0].get_yticklabels()
    lines = label.get_text().splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= 26


def test_the_users_matplotlib_settings_and_backend_are_none_of_ours(tmp_path):
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nfont.size: 40\n")
    code = (
        "from pathlib import Path; import os, numpy as np; from avgap import figures\n"
        "gap = np.random.default_rng(0).normal(0, 0.2, 200).clip(-1, 1)\n"
        "figures.save(figures.gap_histogram(gap, None), Path('p.svg'))\n"
        "print(os.environ['MPLBACKEND'])\n"
    )
    pictures = []
    for name, backend in (("plain", "agg"), ("odd", "nonsense")):
        place = tmp_path if name == "odd" else tmp_path / name
        place.mkdir(exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=place,
            env={**os.environ, "MPLBACKEND": backend},
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stdout) == (0, f"{backend}\n"), done.stderr
        pictures.append((place / "p.svg").read_bytes())
    assert pictures[0] == pictures[1]


def test_settings_made_before_change_no_figure_and_stay(tmp_path):
    import matplotlib as mpl

    figures.save(figures.gap_histogram(GAP), tmp_path / "p.svg")
    first = (tmp_path / "p.svg").read_bytes()
    with mpl.rc_context({"text.usetex": True, "font.size": 40}):
        figures.save(figures.gap_histogram(GAP), tmp_path / "p.svg")
        assert mpl.rcParams["text.usetex"] is True
    assert (tmp_path / "p.svg").read_bytes() == first


@pytest.mark.parametrize("ending", [".svg", ".pdf", ".png"])
def test_a_figure_whose_name_is_no_text_is_drawn_and_a_full_disk_told(tmp_path, ending):
    path = tmp_path / (os.fsdecode(b"p\xff") + ending)
    figures.save(figures.gap_histogram(GAP), path)
    assert path.stat().st_size > 1000
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OutputError, match="cannot write"):
            figures.save(figures.gap_histogram(GAP), tmp_path / f"q{ending}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not (tmp_path / f"q{ending}").exists()
