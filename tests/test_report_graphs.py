"""The figures of a run: which its artifacts allow, and that the registry is what is drawn."""

from __future__ import annotations

from runs import make_run

from avgap.report import graphs, read_views


def test_the_registry_and_the_groupings_are_the_figures_of_a_run(tmp_path, cache, monkeypatch):
    (view,) = read_views([make_run(tmp_path / "run", cache)])
    own = [name for name in graphs.graphs(view) if not name.startswith("by-")]
    assert own == ["gaps", "evolution", "accuracy", "trajectories"]
    assert list(graphs.FIGURES) == [*own, "crowd"]  # which only CREMA-D's votes allow
    monkeypatch.setitem(graphs.FIGURES, "new", lambda view: graphs.Graph("new", "t", None))
    assert "new" in graphs.graphs(view)
