"""The page, in a real browser."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from autogen_otel.core import names

from .documents import START, chat, document, found_in, raised, span

pytest.importorskip("jinja2", reason="the extra `cli` is not installed")

from autogen_otel.diagnosis.render_diagnosis_html import diagnosis_page

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "<script>document.title='taken'</script>"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture(scope="module")
def page() -> str:
    """Give the page of four requests: two share a conversation, one has a failing tool of a hostile name."""
    tool = span(
        41,
        40,
        f"execute_tool {HOSTILE}",
        305,
        50,
        "req-tool",
        trace=40,
        error="KeyError",
        events=(raised(310, "KeyError", "f1", HOSTILE),),
        gen_ai__agent__name=HOSTILE,
        gen_ai__tool__name=HOSTILE,
        autogen__fault__id="f1",
        autogen__fault__masked=True,
    )
    requests = [*chat("req-one", 10, 0), *chat("req-two", 20, 50), *chat("req-well", 30, 200, "3-4")]
    root = span(40, 0, "request", 300, 100, "req-tool", trace=40, **{names.REQUESTS_IN_FLIGHT.replace(".", "__"): 3})
    return diagnosis_page(found_in(document(*requests, tool, root, service__name=HOSTILE)), HOSTILE, START)


@pytest.fixture(scope="module")
def browser() -> str:
    """Give the command of a browser."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        if os.environ.get("AUTOGEN_OTEL_REQUIRE_BROWSER") == "1":
            pytest.fail("there is no browser")
        pytest.skip("there is no browser")
    return found


def opened(browser: str, page: str, folder: Path, *arguments: str) -> str:
    """Open a page in a browser and return the document that it has made of it."""
    file = folder / "page.html"
    file.write_text(page, "utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}", *arguments]
    ran = subprocess.run([*command, file.as_uri()], capture_output=True, text=True, timeout=60, check=True)
    return ran.stdout


def test_hostile_names_are_shown_and_not_run(page, browser, tmp_path):
    """What agents, tools, services and exceptions are called is text, whatever it is."""
    dom = opened(browser, page, tmp_path, "--dump-dom")

    assert (re.findall(r"<title>.*?</title>|<script", dom), dom.count("&lt;script&gt;document.title") > 4) == (
        ["<title>Why requests failed</title>"],
        True,
    )


def test_page_asks_for_nothing_from_elsewhere(page):
    """The page has all that it needs in itself, and forbids the browser to load anything."""
    assert (re.findall(r"(?:src|href)=\"(?!#)|url\(|@import|<link|<script", page), "default-src 'none'" in page) == (
        [],
        True,
    )


def test_blamed_spans_are_marked(page, browser, tmp_path):
    """In the waterfall of each example the spans that are evidence are marked, and only those."""
    dom = opened(browser, page, tmp_path, "--dump-dom")

    rows = re.findall(r'<div class="r (\S+)( bad)?( blamed)?"', dom)
    assert sorted((kind, bool(blamed)) for kind, _, blamed in rows) == [
        ("execute_tool", True),
        ("invoke_workflow", True),
        ("invoke_workflow", True),
        *[("request", False)] * 3,
    ]


def test_overlaps_are_drawn(page, browser, tmp_path):
    """On the time line each request is a bar, and where two share a conversation both are hatched and joined."""
    dom = opened(browser, page, tmp_path, "--dump-dom")
    plot = re.search(r'<div class="plot".*?</div>', dom, re.DOTALL)[0]

    bars = re.findall(r'<i class="(\w+)"', plot)
    assert (bars, plot.count("<u "), plot.count("<s ")) == (["wrong", "wrong", "well", "wrong"], 2, 1)


@pytest.mark.parametrize("width", [1280, 500])
def test_page_fits_the_screen(page, browser, tmp_path, width):
    """On a wide and on a narrow screen nothing stands beyond the right edge."""
    measured = page.replace("default-src 'none'", "script-src 'unsafe-inline'").replace(
        "</body>",
        "<script>document.title = document.documentElement.scrollWidth + ' of ' + innerWidth</script></body>",
    )
    dom = opened(browser, measured, tmp_path, f"--window-size={width},900", "--dump-dom")

    inner, outer = re.search(r"<title>(\d+) of (\d+)</title>", dom).groups()
    assert int(inner) <= int(outer)
