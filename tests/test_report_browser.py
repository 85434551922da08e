"""The page in a browser: it says nothing on the console, sorts, filters, and fits."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from browser import DESK, PHONE, browser, complaints, look, skip_without_browser
from conftest import make_cache
from runs import gaps_of, make_run

from avgap.fitgmm import fitgmm
from avgap.report import page

pytestmark = pytest.mark.slow
HOSTILE = ("</script><script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "<!--", "&amp;")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A browser, and the page of a whole run."""
    skip_without_browser()
    folder = tmp_path_factory.mktemp("browser")
    run = make_run(folder / "run", make_cache(folder / "cache.h5"))
    page([run], folder / "report.html", made_by="avgap report run -o report.html")
    with browser(folder) as driver:
        yield SimpleNamespace(driver=driver, page=folder / "report.html", folder=folder)


def ask(seen, script, *words):
    return seen.driver.execute_script(script, *words)


def rows(seen):
    """The table of samples as it stands: a list of the cells' texts per row."""
    return ask(
        seen,
        "return [...document.querySelectorAll('section.samples tbody tr')]"
        ".map((row) => [...row.cells].map((cell) => cell.textContent))",
    )


def number(text):
    return float(text.replace("−", "-"))


def click(seen, selector):
    seen.driver.find_element("css selector", selector).click()


def wait(seen, count):
    """Until the note above the table begins with this number."""
    from selenium.webdriver.support.ui import WebDriverWait

    said = "return document.querySelector('.count').textContent"
    WebDriverWait(seen.driver, 10).until(lambda _: ask(seen, said).split()[0] == str(count))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_page_opens_without_complaint_and_fits_its_width(seen, size, theme):
    look(seen.driver, seen.page, size, theme)
    assert complaints(seen.driver) == []
    wide, width = ask(
        seen,
        "const e = document.documentElement; return [e.scrollWidth, e.clientWidth]",
    )
    assert wide == width == size[0]


def test_ground_and_ink_follow_the_theme(seen):
    def colours(theme):
        look(seen.driver, seen.page, DESK, theme)
        of = "const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]"
        return [int(re.findall(r"\d+", colour)[0]) for colour in ask(seen, of)]

    ground, ink = colours("light")
    assert ground > 200 > 100 > ink
    ground, ink = colours("dark")
    assert ground < 100 < 200 < ink


def test_nothing_is_loaded_from_anywhere(seen):
    look(seen.driver, seen.page)
    loaded = ask(seen, "return performance.getEntriesByType('resource').map((r) => r.name)")
    assert [name for name in loaded if not name.startswith("data:")] == []


def test_a_head_sorts_the_samples_and_again_the_other_way(seen):
    look(seen.driver, seen.page)
    size = [abs(number(row[2])) for row in rows(seen)]
    assert len(size) == 60
    assert size == sorted(size, reverse=True)
    head = "section.samples thead th:nth-child(3)"
    click(seen, f"{head} button")
    gaps = [number(row[2]) for row in rows(seen)]
    assert gaps == sorted(gaps, reverse=True)
    assert ask(seen, f"return document.querySelector('{head}').ariaSort") == "descending"
    click(seen, f"{head} button")
    assert [number(row[2]) for row in rows(seen)] == gaps[::-1]
    click(seen, "section.samples thead th:nth-child(1) button")
    ids = [row[0] for row in rows(seen)]
    assert ids == [f"train-{i}" for i in range(60)]  # 2 before 10


def test_search_label_and_side_filter_the_samples_together(seen):
    look(seen.driver, seen.page)
    seen.driver.find_element("css selector", "section.samples input").send_keys("TRAIN-1")
    wait(seen, 11)
    assert {row[0] for row in rows(seen)} == {"train-1", *(f"train-{i}" for i in range(10, 20))}
    ask(
        seen,
        "const s = document.querySelector('select.label'); s.value = 'middle';"
        "s.dispatchEvent(new Event('change'))",
    )
    wait(seen, 5)  # 1, 10, 13, 16, 19
    ask(
        seen,
        "const s = document.querySelector('select.which'); s.value = 'imbalanced';"
        "s.dispatchEvent(new Event('change'))",
    )
    wait(seen, 3)  # the corrupted ones are 0 … 14
    assert {row[0] for row in rows(seen)} == {"train-1", "train-10", "train-13"}


def test_a_table_of_groups_sorts_by_the_numbers_in_it(seen):
    look(seen.driver, seen.page)
    shown = (
        "return [...document.querySelectorAll('details.groups')].find((d) => "
        "d.textContent.includes('by corrupt')).querySelectorAll('tbody th')"
    )
    names = [cell.text for cell in ask(seen, shown)]
    assert names == ["visual:noise", "(none)"]
    ask(seen, shown.replace("tbody th')", "thead button')[1].click()"))  # n, the largest first
    assert [cell.text for cell in ask(seen, shown)] == ["(none)", "visual:noise"]


def test_pointing_at_a_bar_names_its_samples(seen):
    from selenium.webdriver import ActionChains

    look(seen.driver, seen.page)
    bar = seen.driver.find_elements("css selector", ".bin")[0]  # the one gap at −0.3
    assert bar.get_attribute("aria-label").endswith("1 sample: train-59")
    seen.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", bar)
    ActionChains(seen.driver).move_to_element(bar).perform()
    panel = seen.driver.find_element("css selector", ".pointed")
    assert panel.is_displayed()
    assert "1 sample" in panel.text
    assert "train-59" in panel.text


def test_bars_are_walked_with_the_arrow_keys_and_fill_the_table(seen):
    from selenium.webdriver.common.keys import Keys

    look(seen.driver, seen.page)
    ask(seen, "document.querySelector('.bin').focus()")
    focused = seen.driver.switch_to.active_element
    focused.send_keys(Keys.END)
    focused = seen.driver.switch_to.active_element
    count = int(re.search(r", (\d+) sample", focused.get_attribute("aria-label"))[1])
    panel = seen.driver.find_element("css selector", ".pointed")
    assert len(panel.find_elements("css selector", "li")) == count
    seen.driver.execute_script("arguments[0].click()", panel.find_element("css selector", "button"))
    wait(seen, count)
    low, high = map(number, focused.get_attribute("data-span").split(" … "))
    assert all(low - 0.005 <= number(row[2]) <= high + 0.005 for row in rows(seen))
    click(seen, "button.clear")
    wait(seen, 60)
    assert complaints(seen.driver) == []


def test_a_tap_on_a_phone_names_the_samples_of_a_bar(seen):
    look(seen.driver, seen.page, PHONE)
    ask(seen, "document.querySelector('.bin').dispatchEvent(new Event('click'))")
    assert "train-59" in seen.driver.find_element("css selector", ".pointed").text


def test_names_made_to_break_out_stay_text(seen):
    table = seen.folder / "hostile.csv"
    gaps = gaps_of(0.7)
    names = [HOSTILE[i] if i < len(HOSTILE) else f"s{i}" for i in range(len(gaps))]
    quoted = [name.replace('"', '""') for name in names]
    lines = [f'"{name}",{gap}' for name, gap in zip(quoted, gaps, strict=True)]
    table.write_text("id,gap\n" + "\n".join(lines) + "\n", encoding="utf-8")
    fitgmm(table, seen.folder / "hostile.json")
    page([table, seen.folder / "hostile.json"], seen.folder / "hostile.html")
    look(seen.driver, seen.folder / "hostile.html")
    assert complaints(seen.driver) == []
    shown = {row[0] for row in rows(seen)}
    assert set(HOSTILE) <= shown
    assert ask(seen, "return document.querySelectorAll('img').length") == 0
    assert ask(seen, "return document.scripts.length") == 2


def test_without_its_script_the_page_still_has_the_first_samples(seen):
    text = seen.page.read_text(encoding="utf-8")
    start = text.rindex("<script>")
    bare = text[:start] + text[text.rindex("</script>") + len("</script>") :]
    (seen.folder / "bare.html").write_text(bare, encoding="utf-8")
    look(seen.driver, seen.folder / "bare.html")
    assert len(rows(seen)) == 50
    assert not seen.driver.find_element("css selector", ".controls").is_displayed()


def test_ten_thousand_samples_are_there_and_drawn_as_they_are_reached(seen):
    rng = np.random.default_rng(0)
    np.save(seen.folder / "many.npy", np.clip(rng.normal(0, 0.3, 10_000), -1, 1))
    page([seen.folder / "many.npy"], seen.folder / "many.html")
    look(seen.driver, seen.folder / "many.html")
    assert complaints(seen.driver) == []
    at_first = len(rows(seen))
    assert 100 <= at_first <= 300
    ask(seen, "const s = document.querySelector('.scroll.tall'); s.scrollTop = s.scrollHeight")
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(seen.driver, 10).until(lambda _: len(rows(seen)) > at_first)
    seen.driver.find_element("css selector", "section.samples input").send_keys("row 10000")
    wait(seen, 1)


def test_the_page_can_be_printed(seen):
    look(seen.driver, seen.page)
    printed = seen.driver.print_page()
    assert len(printed) > 10_000
    assert Path(seen.page).exists()
