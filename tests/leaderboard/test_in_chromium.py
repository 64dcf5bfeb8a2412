"""The page in a real browser, from `file://`: it loads in silence, sorts, plays in step, fits a phone, can be read."""

from __future__ import annotations

import pytest

from gifbench.leaderboard import build_site
from tests.leaderboard.chromium import Chromium
from tests.leaderboard.standins import FINGERPRINT, make_result, small_dataset

TABLE = "document.querySelector('section.current table')"
NAMES = f"[...{TABLE}.tBodies[0].rows].map(r => r.cells[1].dataset.v)"
FIGURE = "document.querySelector('section.current figure.player')"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("chromium") / "site"
    results = [
        make_result(name, psnr=psnr, task=task, protocol=protocol, clips=clips)
        for name, psnr, clips in (
            ("gif", 30, "abcd"),
            ("gaussian-0.5", 32, "abcd"),
            ("gaussian-1.0", 31, "abcd"),
            ("<b>half</b>" + "x" * 200, 33, "ab"),
        )
        for task in ("plain-1", "dithered-4")
        for protocol in ("standard", "gif2video")
    ]
    build_site(results, out, dataset_for={FINGERPRINT: small_dataset()})
    return out


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def page(browser, site):
    browser.look(width=1280)
    browser.open("about:blank")
    browser.events.clear()
    browser.open(f"file://{site}/index.html")
    return browser


def sort_by(page, label, *, table=TABLE):
    page.js(f"[...{table}.querySelectorAll('th button')].find(b => b.textContent === '{label}').click()")


def test_it_loads_without_complaint_and_asks_for_nothing_but_its_own_files(page, site):
    page.js(f"{FIGURE}.scrollIntoView()")
    page.wait_for(f"{FIGURE}.dataset.frame > 1")
    assert page.complaints == []
    assert page.requested
    assert all(url.startswith((f"file://{site}/", "data:")) for url in page.requested)


def test_tables_sort_by_click_and_the_other_way_by_a_second(page):
    assert page.js(f"{NAMES}.slice(0, 3)") == ["gaussian-0.5", "gaussian-1.0", "gif"]
    sort_by(page, "Method")
    assert page.js(f"{NAMES}.slice(1)") == ["gaussian-0.5", "gaussian-1.0", "gif"]
    assert page.js(f"{TABLE}.querySelector('th[aria-sort=ascending]').textContent") == "Method"
    sort_by(page, "PSNR, dB")
    assert page.js(f"{NAMES}.slice(1)") == ["gaussian-0.5", "gaussian-1.0", "gif"]
    sort_by(page, "PSNR, dB")
    assert page.js(f"{NAMES}.slice(0, 3)") == ["gif", "gaussian-1.0", "gaussian-0.5"]
    assert page.js(f"{TABLE}.querySelectorAll('th[aria-sort=ascending], th[aria-sort=descending]').length") == 1


def test_rows_without_a_value_stay_at_the_end_whichever_way_is_sorted(page):
    gif2video = "document.querySelectorAll('section.current table')[1]"
    for _ in range(2):
        sort_by(page, "#", table=gif2video)
        values = page.js(f"[...{gif2video}.tBodies[0].rows].map(r => r.cells[0].dataset.v)")
        assert all(values[:3]) and not any(values[3:])


def test_a_header_is_sorted_with_the_keyboard(page):
    page.js(f"[...{TABLE}.querySelectorAll('th button')].find(b => b.textContent === 'PSNR, dB').focus()")
    for kind in ("keyDown", "keyUp"):
        page.send("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r", windowsVirtualKeyCode=13)
    assert page.js(f"{TABLE}.querySelector('th[aria-sort=descending]').textContent") == "PSNR, dB"


def test_one_board_is_shown_at_a_time_and_its_address_can_be_shared(page, site):
    shown = (
        "[...document.querySelectorAll('section.board')].filter(s => s.offsetParent)"
        ".map(s => s.querySelector('h2').textContent)"
    )
    assert page.js(shown) == ["gif-faces: plain-1"]
    page.js("document.querySelectorAll('nav.boards a')[1].click()")
    page.wait_for(f"{shown}[0] === 'gif-faces: dithered-4'")
    assert page.js("document.querySelector('nav.boards a[aria-current]').textContent") == "dithered-4"
    address = page.js("location.href")
    page.open("about:blank")
    page.open(address)
    assert page.js(shown) == ["gif-faces: dithered-4"]
    page.open("about:blank")
    page.open(f"file://{site}/index.html#%E0%A4%A")
    assert page.js(shown) == ["gif-faces: plain-1"]


def test_the_papers_rows_can_be_hidden(page):
    visible = "[...document.querySelectorAll('section.current tr.reported')].filter(r => r.offsetParent).length"
    assert page.js(visible) == 14
    page.js("document.querySelector('section.current input[data-reported]').click()")
    assert page.js(visible) == 0


def test_the_lanes_are_drawn_in_step_and_can_be_stepped(page):
    page.js("document.querySelectorAll('nav.boards a')[1].click()")
    page.wait_for(f"{FIGURE} !== null")
    page.js(f"{FIGURE}.scrollIntoView()")
    page.wait_for(f"{FIGURE}.dataset.frame > 1")
    page.js(f"{FIGURE}.querySelector('.play').click()")
    page.js(
        "window.drawn = []; const draw = CanvasRenderingContext2D.prototype.drawImage;"
        "CanvasRenderingContext2D.prototype.drawImage = function (image, x, y, ...rest) {"
        " drawn.push(y / this.canvas.height); return draw.call(this, image, x, y, ...rest); }; 0"
    )
    page.js(f"r = {FIGURE}.querySelector('input[type=range]'); r.value = 6; r.dispatchEvent(new Event('input')); 0")
    # GIF, its detail, restored, its detail, truth, its detail: frame 6 of the video is GIF frame 1, alone in its file.
    assert page.js("drawn.splice(0)") == [0, 1, 6, 6, 6, 6]
    page.js(f"{FIGURE}.querySelector('[data-step=\"1\"]').click()")
    assert page.js("drawn.splice(0)") == [0, 1, 7, 7, 7, 7]
    assert page.js(f"{FIGURE}.querySelector('output').textContent") == "frame 8 of 9"
    page.js(f"{FIGURE}.querySelector('[data-step=\"1\"]').click(), {FIGURE}.querySelector('[data-step=\"1\"]').click()")
    assert page.js(f"{FIGURE}.dataset.frame") == "0"


def test_nothing_plays_by_itself_for_readers_who_asked_for_less_motion(browser, site):
    browser.look(width=1280, calm=True)
    browser.open("about:blank")
    browser.open(f"file://{site}/index.html")
    browser.js(f"{FIGURE}.scrollIntoView()")
    browser.wait_for(f"{FIGURE}.dataset.frame === '0'")
    assert browser.js("new Promise(done => setTimeout(() => done(" + FIGURE + ".dataset.frame), 300))") == "0"
    assert browser.js(f"{FIGURE}.querySelector('.play').textContent") == "Play"


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_no_page_is_wider_than_the_screen(browser, site, width):
    browser.look(width=width, height=800)
    for path in [site / "index.html", *sorted((site / "methods").iterdir())]:
        browser.open("about:blank")
        browser.open(f"file://{path}")
        assert browser.js("document.documentElement.scrollWidth") <= width, path.name


CONTRAST = """(() => {
  const light = (c) => { const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3).map((v) => { v /= 255;
    return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
  const back = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
    if (!/, 0\\)$|transparent/.test(c)) return c; } return 'rgb(255, 255, 255)'; };
  const low = [];
  for (const e of document.querySelectorAll('body *')) {
    if (!e.offsetParent || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(back(e))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) low.push(e.outerHTML.slice(0, 80));
  }
  return low; })()"""


@pytest.mark.parametrize("dark", [False, True])
def test_all_text_has_the_contrast_that_wcag_aa_asks_for(browser, site, dark):
    browser.look(width=1280, dark=dark)
    for path in [site / "index.html", *sorted((site / "methods").iterdir())]:
        browser.open("about:blank")
        browser.open(f"file://{path}")
        assert browser.js("matchMedia('(prefers-color-scheme: dark)').matches") is dark
        assert browser.js(CONTRAST) == []


def test_without_scripts_every_board_is_there(browser, site):
    browser.look(width=1280)
    browser.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open("about:blank")
        browser.events.clear()
        browser.open(f"file://{site}/index.html")
        assert len(browser.js("[...document.querySelectorAll('section.board')].filter(s => s.offsetParent)")) == 2
        browser.wait_for("[...document.querySelectorAll('.lane img')].some(i => i.naturalWidth > 0)")
    finally:
        browser.send("Emulation.setScriptExecutionDisabled", value=False)


def test_what_is_behind_the_best_sorts_by_its_number_and_runs_without_rank_stay_last(page):
    labels = ["gaussian-0.5", "gaussian-1.0", "gif"]
    sort_by(page, "Behind")
    names = page.js(NAMES)
    assert names[:3] == labels
    sort_by(page, "Behind")
    assert page.js(NAMES) == [*reversed(labels), *names[3:]]


def test_the_line_that_begins_a_group_is_drawn_only_while_groups_are_together(page, tmp_path):
    better = make_result("better", psnr=32, clips=[f"c{i}" for i in range(20)])
    worse = make_result("worse", psnr=30, clips=[f"c{i}" for i in range(20)])
    page.open(f"file://{build_site([better, worse], tmp_path / 'site')}")
    thick = f"parseFloat(getComputedStyle({TABLE}.querySelector('tr.opens td')).borderTopWidth)"
    assert page.js(thick) == 3
    sort_by(page, "Method")
    assert page.js(thick) == 1
