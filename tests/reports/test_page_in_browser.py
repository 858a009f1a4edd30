"""The page in a real browser: no errors, nothing from the network, tables and curves that obey."""

import re
from pathlib import Path

import pandas as pd
import pytest
from graftbench.reports.report import write_report
from synthetic import synthetic

CHROMIUM = Path("/usr/bin/chromium")
LOCAL = ("file:", "data:", "blob:")
EVIL = "<img src=x onerror=alert(1)>"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no /usr/bin/chromium (Debian: apt-get install chromium)"),
]


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright's Python package is not installed")
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=quiet)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser):
    """Open a report and collect what went wrong; the test fails if anything did."""
    trouble, pages = [], []

    def open_page(path, **options):
        page = browser.new_page(**options)
        pages.append(page)
        page.on("console", lambda message: trouble.append(message.text) if message.type != "log" else None)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("dialog", lambda dialog: (trouble.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: trouble.append(request.url) if not request.url.startswith(LOCAL) else None)
        page.goto(path.resolve().as_uri())
        return page

    yield open_page
    for page in pages:
        page.close()
    assert trouble == []


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    rows, curves = synthetic([EVIL, "finetune", "vae"], 2, 2, failed=[("vae", "babies", 0)])
    return write_report(rows, curves, tmp_path_factory.mktemp("with a space é"))


def table(page, subject="quality-kid-"):
    return page.locator(f"table[id^={subject}]").first


def column(page, place):
    return table(page).locator(f"tbody tr:visible > :nth-child({place})").all_inner_texts()


def test_a_click_on_a_head_sorts_by_number_and_a_second_one_turns_the_order(report, visit):
    page = visit(report)
    head = table(page).locator("th[scope=col] button").nth(1)
    head.click()
    rising = [float(re.match(r"[\d.]+", text).group()) for text in column(page, 2)]
    assert rising == sorted(rising) and len(set(rising)) > 1
    assert table(page).locator("th[aria-sort=ascending]").count() == 1
    head.press("Enter")
    falling = [float(re.match(r"[\d.]+", text).group()) for text in column(page, 2)]
    assert falling == rising[::-1]


def test_the_filter_keeps_the_rows_that_hold_every_word(report, visit):
    page = visit(report)
    page.locator("#table-cells summary").click()
    field = page.locator("input[data-table=cells]")
    field.fill("vae babies failed")
    assert page.locator("#cells tbody tr:visible").count() == 1
    assert "1 of 16 rows" in page.locator("#table-cells .count").inner_text()
    field.fill("")
    assert page.locator("#cells tbody tr:visible").count() == 16


def test_a_strategy_is_switched_off_in_tables_and_curves_and_on_again_by_the_keyboard(report, visit):
    page = visit(report)
    traces = "document.getElementById('curve-chart').data.length"
    all_traces = page.evaluate(traces)
    chip = page.locator(".chip[data-label=finetune]")
    chip.click()
    assert chip.get_attribute("aria-pressed") == "false"
    assert "finetune" not in column(page, 1)
    assert page.evaluate(traces) == all_traces - 2
    chip.focus()
    page.keyboard.press("Space")
    assert "finetune" in column(page, 1)
    assert page.evaluate(traces) == all_traces
    page.locator("#show-none").click()
    assert column(page, 1) == ["source-only"]


def test_curves_follow_the_choices(report, visit):
    page = visit(report)
    page.locator("#choose-target").select_option("sketches")
    page.locator("#choose-metric").select_option(index=1)
    page.locator("#choose-x").select_option("seconds")
    page.locator("#choose-scale").select_option("log")
    layout = page.evaluate("document.getElementById('curve-chart').layout")
    assert "time (s" in layout["xaxis"]["title"]["text"] and layout["yaxis"]["type"] == "log"
    assert "FID" in layout["yaxis"]["title"]["text"]
    assert "sketches" in page.locator("#curve-caption").inner_text()


def test_a_strategy_named_like_markup_is_shown_as_its_name_and_runs_nothing(report, visit):
    page = visit(report)
    assert EVIL in column(page, 1)
    assert page.locator(".chip").filter(has_text=EVIL).count() == 1
    page.locator("#curve-chart .nsewdrag").first.hover()
    assert page.locator("img[src=x]").count() == 0


@pytest.mark.parametrize(("scheme", "ground"), [("light", 246), ("dark", 20)])
def test_the_page_takes_the_readers_scheme_and_switches(report, visit, scheme, ground):
    page = visit(report, color_scheme=scheme)
    shade = "parseInt(getComputedStyle(document.body).backgroundColor.slice(4))"
    assert page.evaluate(shade) == ground
    page.locator("#theme").click()
    assert page.evaluate(shade) == {246: 20, 20: 246}[ground]


def test_every_picture_has_words_and_every_control_a_name(report, visit):
    page = visit(report)
    assert page.locator("img").count() >= 8
    assert page.locator("img:not([alt]), img[alt='']").count() == 0
    nameless = "[...document.querySelectorAll('select, input')].filter((each) => !each.labels.length).length"
    assert page.evaluate(nameless) == 0


def test_a_narrow_screen_scrolls_tables_and_not_the_page(report, visit):
    page = visit(report, viewport={"width": 380, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 380


def test_failures_stand_with_their_reasons(report, visit):
    page = visit(report)
    text = page.locator("#failures").inner_text()
    assert "vae" in text and "RuntimeError: made up" in text


def test_without_scripts_the_tables_and_figures_are_there(report, visit):
    page = visit(report, java_script_enabled=False)
    assert page.locator("table[id^=quality-kid-]").first.is_visible()
    assert not page.locator("#toggles").is_visible() and not page.locator("#theme").is_visible()


def test_an_empty_store_loads(tmp_path, visit):
    page = visit(write_report(pd.DataFrame(), pd.DataFrame(columns=["key", "kimg", "seconds"]), tmp_path))
    assert "no cells yet" in page.locator("main").inner_text()
    assert not page.locator("#toggles").is_visible()


def test_printed_it_shows_no_controls(report, visit):
    page = visit(report)
    page.emulate_media(media="print")
    assert not page.locator("#toggles").is_visible() and not page.locator(".filter").first.is_visible()
    assert page.locator("figure img").first.is_visible()


def test_the_page_is_small_enough_to_send(report):
    assert report.stat().st_size < 8_000_000


@pytest.mark.slow
def test_a_very_long_name_and_several_settings_leave_the_page_as_wide_as_the_screen(tmp_path, visit):
    rows, curves = synthetic(["finetune", "a" * 300], 1, 1, points=3)
    more = rows.assign(source="another domain with a long name", key=rows["key"] + "x")
    again = pd.concat([curves, curves.assign(key=curves["key"] + "x")])
    path = write_report(pd.concat([rows, more]), again, tmp_path)
    for width in (420, 1300):
        page = visit(path, viewport={"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") == width
