"""docs/api.md against the public names: their signatures and docstrings, and every key of a fit."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

import avgap
from avgap.mixture.result import Bootstrap, Diagnostics, FitRecord, StandardErrors

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "api.md").read_text(encoding="utf-8")


@pytest.fixture
def make_api(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    import make_api

    yield make_api
    del sys.modules["make_api"]


def test_the_page_is_made_from_the_docstrings(make_api):
    assert make_api.document() == PAGE, "run python docs/make_api.py"


def test_every_public_name_has_a_section_and_a_docstring(make_api):
    sections = set(re.findall(r"^## (\w+)$", PAGE, flags=re.M))
    assert sections == set(make_api.NAMES) == set(avgap.__all__) - {"__version__"}
    assert all(getattr(avgap, name).__doc__ for name in sections)


@pytest.mark.parametrize("record", [FitRecord, Diagnostics, Bootstrap, StandardErrors])
def test_every_key_of_a_record_has_a_meaning(make_api, record):
    rows = dict(re.findall(r"^\| `(\w+)` \| .* \| (.+) \|$", make_api.table_of_keys(record), re.M))
    assert set(rows) == set(record.__annotations__)
    assert all(meaning.endswith(".") for meaning in rows.values())


@pytest.mark.parametrize("components", [1, 2, 3])
def test_a_fit_has_the_keys_that_its_types_promise_in_their_order(components):
    gap = np.random.default_rng(0).uniform(-0.5, 0.5, 100)
    result = avgap.fit_mixture(gap, components, bootstrap=2)
    assert isinstance(result, avgap.FitResult)
    assert list(result.fit) == list(FitRecord.__annotations__)
    assert list(result.diagnostics) == list(Diagnostics.__annotations__)
    bootstrap = result.diagnostics["bootstrap"]
    assert list(bootstrap) == list(Bootstrap.__annotations__)
    for errors in bootstrap["standard_errors"].values():
        assert list(errors) == list(StandardErrors.__annotations__)


def test_the_pages_example_runs(work):
    (code,) = re.findall(r"^```python\n(import .*?)^```$", PAGE, flags=re.M | re.S)
    made = {}
    exec(compile(code, "api.md", "exec"), made)
    assert made["result"].mixture.balanced.weight > 0
