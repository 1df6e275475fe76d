"""The report in a real browser: nothing is blocked, nothing is loaded, nothing is in anybody's way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from monitor.report.contents import contents
from monitor.report.page import page
from monitor.session_view import read_view
from tests.made_browser import CHROMIUM, Browser
from tests.made_journal import made_journal

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]

PHONE = 390


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    path = folder / "report.html"
    view = read_view(made_journal(folder / "a.jsonl"))
    path.write_text(page(contents(view, running=False), "0.1.0"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser(report: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(profile=tmp_path_factory.mktemp("profile")) as browser:
        browser.open(report.as_uri())
        yield browser


def as_seen(browser: Browser, *, dark: bool = False, width: int = 1280, media: str = "") -> None:
    browser.send("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    browser.send("Emulation.setEmulatedMedia", media=media, features=scheme)


def barriers(browser: Browser) -> list[Any]:
    """What axe-core finds against WCAG 2.2 AA and good practice."""
    spec = find_spec("axe_playwright_python")
    assert spec is not None
    assert spec.origin is not None
    axe = (Path(spec.origin).parent / "axe.min.js").read_text(encoding="utf-8")
    # The page's own policy lets no script in: DevTools put it in beside the page.
    browser.tell(f"(() => {{ {axe}; window.axe = window.axe || axe; return 1; }})()")
    browser.tell("document.querySelectorAll('details').forEach(one => one.open = true)")
    found: str = browser.tell(
        "axe.run(document).then(r => JSON.stringify(r.violations.map(v => "
        "[v.id, v.nodes.slice(0, 3).map(n => n.html.slice(0, 200) + ' ' + n.failureSummary)])))"
    )
    violations: list[Any] = json.loads(found)
    return violations


def test_nothing_is_refused_or_loaded(browser: Browser) -> None:
    assert browser.console == []
    assert browser.tell("performance.getEntriesByType('resource').length") == 0


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (PHONE, True)])
def test_it_is_in_nobodys_way(browser: Browser, width: int, *, dark: bool) -> None:
    as_seen(browser, dark=dark, width=width)
    assert barriers(browser) == []


def test_a_phone_need_not_scroll_aside(browser: Browser) -> None:
    as_seen(browser, width=PHONE)
    assert browser.tell("document.documentElement.scrollWidth") <= PHONE


def test_charts_are_drawn_with_real_text(browser: Browser) -> None:
    as_seen(browser)
    assert browser.tell("document.querySelectorAll('svg[role=img]').length") == 5
    assert browser.tell(
        "[...document.querySelectorAll('svg')].every(s => s.getBoundingClientRect().width > 600 "
        "&& s.querySelectorAll('text').length > 5)"
    )


def test_it_prints_whole_and_in_ink(browser: Browser) -> None:
    as_seen(browser, dark=True, media="print", width=720)
    assert browser.tell("getComputedStyle(document.documentElement).color") == "rgb(0, 0, 0)"
    assert browser.tell("document.documentElement.scrollWidth") <= 720
    pdf = browser.send("Page.printToPDF", preferCSSPageSize=True)["data"]
    assert len(pdf) > 20_000
