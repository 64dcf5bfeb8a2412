"""The page in a real browser, from `file://`: it loads in silence, sorts, plays in step, fits a phone, can be read."""

from __future__ import annotations

import pytest

from gifbench.leaderboard.site_builder import build_site
from tests.leaderboard.axe import serious_findings
from tests.leaderboard.factories import FINGERPRINT, make_result, small_dataset

TABLE = "document.querySelector('table.ranking')"
NAMES = f"[...{TABLE}.tBodies[0].rows].map(r => r.cells[1].dataset.v)"
SHOWN = f"[...{TABLE}.tBodies[0].rows].filter(r => !r.hidden).map(r => r.cells[1].dataset.v)"
FIGURE = "document.querySelector('figure.player')"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("chromium") / "site"
    results = [
        make_result(name, psnr=psnr, task=task, protocol=protocol, clips=clips, parameters=parameters)
        for name, psnr, clips, parameters in (
            ("gif", 30, "abcdefg", 0),
            ("gaussian-0.5", 32, "abcdefg", 0),
            ("gaussian-1.0", 31, "abcdefg", 1_000_000),
            ("<b>half</b>" + "x" * 200, 33, "ab", 0),
        )
        for task in ("plain-1", "dithered-4")
        for protocol in ("standard", "gif2video")
    ]
    build_site(results, out, dataset_for={FINGERPRINT: small_dataset("abcdefg")}, clips_per_method=2)
    return out


def board(site, task="plain-1", protocol="gif2video"):
    (path,) = site.glob(f"boards/gif-faces-{task}-{protocol}-*.html")
    return path


def a_page_of_each_kind(site):
    return [
        site / "index.html",
        board(site),
        board(site, "dithered-4", "standard"),
        sorted((site / "methods").iterdir())[-1],
        sorted(site.glob("clips/*/a-*.html"))[0],
    ]


@pytest.fixture
def page(browser, site):
    browser.open(f"file://{board(site)}")
    return browser


def sort_by(page, label, *, table=TABLE):
    page.js(f"[...{table}.querySelectorAll('th button')].find(b => b.textContent === '{label}').click()")


def test_it_loads_without_complaint_and_asks_for_nothing_but_its_own_files(page, site):
    page.js(f"{FIGURE}.scrollIntoView()")
    page.wait_for(f"{FIGURE}.dataset.frame > 1")
    assert page.complaints == []
    assert page.requested
    assert all(url.startswith((f"file://{site}/", "data:")) for url in page.requested)


MEASURED = ["gaussian-0.5", "gaussian-1.0", "gif"]


def measured(page):
    return [name for name in page.js(NAMES) if name in MEASURED]


def test_tables_sort_by_click_and_the_other_way_by_a_second(page):
    assert measured(page) == MEASURED
    sort_by(page, "Method")
    assert measured(page) == MEASURED
    assert page.js(f"{TABLE}.querySelector('th[aria-sort=ascending]').textContent") == "Method"
    sort_by(page, "PSNR, dB")
    assert measured(page) == MEASURED
    sort_by(page, "PSNR, dB")
    assert measured(page) == MEASURED[::-1]
    assert page.js(f"{TABLE}.querySelectorAll('th[aria-sort=ascending], th[aria-sort=descending]').length") == 1


def test_rows_without_a_value_stay_at_the_end_whichever_way_is_sorted(page):
    for label in ("#", "#", "Behind", "Behind"):
        sort_by(page, label)
        column = page.js(f"[...{TABLE}.tHead.rows[0].cells].findIndex(c => c.textContent === '{label}')")
        assert sorted(page.js(NAMES)[:3]) == MEASURED
        values = page.js(f"[...{TABLE}.tBodies[0].rows].map(r => r.cells[{column}]?.dataset.v)")
        assert all(values[:3]) and not any(values[3:])


def test_a_header_is_sorted_with_the_keyboard(page):
    page.js(f"[...{TABLE}.querySelectorAll('th button')].find(b => b.textContent === 'PSNR, dB').focus()")
    for kind in ("keyDown", "keyUp"):
        page.send("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r", windowsVirtualKeyCode=13)
    assert page.js(f"{TABLE}.querySelector('th[aria-sort=descending]').textContent") == "PSNR, dB"


def test_rows_are_filtered_by_name_and_by_kind(page):
    page.js("f = document.querySelector('input[type=search]'); f.value = 'GAUSS'; 0")
    page.js("f.dispatchEvent(new Event('input', { bubbles: true }))")
    assert page.js(SHOWN) == ["gaussian-0.5", "gaussian-1.0", "Gaussian σ=0.5", "Gaussian σ=1.0"]
    assert page.js("document.querySelector('form.filters output').textContent") == "4 of 18 rows"
    page.js("document.querySelector('input[data-show=reported]').click()")
    assert page.js(SHOWN) == ["gaussian-0.5", "gaussian-1.0"]
    page.js("document.querySelector('input[data-show=fixed]').click()")
    assert page.js(SHOWN) == ["gaussian-1.0"]
    page.js("f.value = ''; f.dispatchEvent(new Event('input', { bubbles: true }))")
    page.js("document.querySelector('input[data-show=incomplete]').click()")
    page.js("document.querySelector('input[data-show=fixed]').click()")
    assert page.js(SHOWN) == MEASURED


def test_the_matrix_says_differences_or_clips_won(page):
    cell = "document.querySelector('table.matrix').tBodies[0].rows[0].cells[2]"
    assert page.js(f"{cell}.firstChild.textContent") == "+1.00"
    assert page.js(f"{cell}.className") == "p"
    assert page.js(f"getComputedStyle({cell}.querySelector('i')).display") == "none"
    page.js("document.querySelector('fieldset.switch input[value=w]').click()")
    assert page.js(f"getComputedStyle({cell}.querySelector('i')).display") == "inline"
    assert page.js(f"{cell}.querySelector('i').textContent") == "100"


def test_a_point_of_a_plot_leads_to_its_method(page):
    page.js("document.querySelector('svg [data-href]').dispatchEvent(new Event('click'))")
    page.wait_for("location.pathname.includes('/methods/')")


def play(page, path):
    page.open(f"file://{path}")
    page.js(f"{FIGURE}.scrollIntoView()")
    page.wait_for(f"{FIGURE}.dataset.frame > 1")


def record_drawing(page):
    page.js(f"{FIGURE}.querySelector('.play').click()")
    page.js(
        "window.drawn = []; const draw = CanvasRenderingContext2D.prototype.drawImage;"
        "CanvasRenderingContext2D.prototype.drawImage = function (image, x, y, ...rest) {"
        " drawn.push(y / this.canvas.height); return draw.call(this, image, x, y, ...rest); }; 0"
    )


def test_the_lanes_are_drawn_in_step_and_can_be_stepped(browser, site):
    play(browser, board(site, "dithered-4", "standard"))
    record_drawing(browser)
    browser.js(f"r = {FIGURE}.querySelector('.frame'); r.value = 6; r.dispatchEvent(new Event('input')); 0")
    # Both sides of the line, then the details of GIF, two restored, truth: frame 6 of the video is GIF frame 1, and
    # that is alone in its file.
    assert browser.js("drawn.splice(0)") == [0, 6, 1, 6, 6, 6]
    browser.js(f"{FIGURE}.querySelector('[data-step=\"1\"]').click()")
    assert browser.js("drawn.splice(0)") == [0, 7, 1, 7, 7, 7]
    assert browser.js(f"{FIGURE}.querySelector('output').textContent") == "frame 8 of 9"
    for _ in range(2):
        browser.js(f"{FIGURE}.querySelector('[data-step=\"1\"]').click()")
    assert browser.js(f"{FIGURE}.dataset.frame") == "0"


def test_the_line_moves_and_either_side_shows_what_is_chosen(browser, site):
    play(browser, board(site))
    browser.js(f"{FIGURE}.querySelector('.play').click()")
    options = browser.js(f"[...{FIGURE}.querySelectorAll('select.left option')].map(o => o.text)")
    errors = ["Error of the GIF", "Error of gaussian-0.5", "Error of gaussian-1.0"]
    assert options == ["GIF", "gaussian-0.5", "gaussian-1.0", "Truth", *errors]
    scale = f"{FIGURE}.querySelector('.scale').hidden"
    assert browser.js(scale) is True
    browser.js(f"s = {FIGURE}.querySelector('select.right'); s.value = 5; s.dispatchEvent(new Event('change')); 0")
    browser.wait_for(f"{scale} === false")
    browser.js(f"l = {FIGURE}.querySelector('.line'); l.value = 80; l.dispatchEvent(new Event('input')); 0")
    assert browser.js(f"getComputedStyle({FIGURE}.querySelector('.handle')).left") == browser.js(
        f"0.8 * {FIGURE}.querySelector('.stage').clientWidth + 'px'"
    )
    assert browser.js("l.getAttribute('aria-valuetext')") == "80% GIF, the rest Error of gaussian-0.5"


def test_the_enlarged_detail_is_moved_with_the_keyboard_and_dragged(browser, site):
    play(browser, board(site))
    browser.js(f"{FIGURE}.querySelector('.play').click()")
    spot = f"{FIGURE}.querySelector('.spot')"
    left = f"parseFloat({spot}.style.left)"
    browser.js(
        "window.files = []; const draw = CanvasRenderingContext2D.prototype.drawImage;"
        "CanvasRenderingContext2D.prototype.drawImage = function (image, ...rest) {"
        " if (this.canvas.closest('.lanes')) files.push(image.src.includes('.detail-'));"
        " return draw.call(this, image, ...rest); }; 0"
    )
    browser.js(f"{FIGURE}.querySelector('[data-step=\"1\"]').click()")
    assert browser.js("files.splice(0)") == [True] * 4  # to the pixel where the page chose it
    before = browser.js(left)
    key = "ArrowRight" if before < 20 else "ArrowLeft"
    for _ in range(2):
        browser.js(f"{spot}.dispatchEvent(new KeyboardEvent('keydown', {{key: '{key}'}}))")
    browser.wait_for("files.slice(-4).join() === 'false,false,false,false'")
    assert browser.js(left) != before
    box = browser.js(f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])({spot}.getBoundingClientRect())")
    for kind, x in (("mousePressed", box[0]), ("mouseMoved", box[0] - 500), ("mouseReleased", box[0] - 500)):
        browser.send("Input.dispatchMouseEvent", type=kind, x=x, y=box[1], button="left", buttons=1, clickCount=1)
    browser.wait_for(f"{left} === 0")  # it stays inside the picture
    assert browser.complaints == []


def test_a_clips_page_plays_every_method_that_is_shown_on_it(browser, site):
    shared = next(path for path in site.glob("clips/*/*.html") if path.read_text().count('data-kind="restored"') > 2)
    play(browser, shared)
    assert browser.complaints == []
    labels = browser.js(f"[...{FIGURE}.querySelectorAll('select.left option')].map(o => o.text)")
    assert labels[:4] == ["GIF", "gaussian-0.5", "gaussian-1.0", "Truth"]


def test_nothing_plays_by_itself_for_readers_who_asked_for_less_motion(browser, site):
    browser.look(width=1280, calm=True)
    browser.open(f"file://{board(site)}")
    browser.js(f"{FIGURE}.scrollIntoView()")
    browser.wait_for(f"{FIGURE}.dataset.frame === '0'")
    assert browser.js("new Promise(done => setTimeout(() => done(" + FIGURE + ".dataset.frame), 300))") == "0"
    assert browser.js(f"{FIGURE}.querySelector('.play').textContent") == "Play"


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


@pytest.mark.parametrize(("width", "dark"), [(320, False), (390, False), (768, False), (1280, False), (1280, True)])
def test_a_page_of_each_kind_can_be_used_by_everyone(browser, site, width, dark):
    """It fits the screen, all text has the contrast that WCAG AA asks for, and axe-core finds nothing serious."""
    browser.look(width=width, height=800, dark=dark)
    for path in a_page_of_each_kind(site):
        browser.open("about:blank")
        browser.open(f"file://{path}")
        assert browser.js("document.documentElement.scrollWidth") <= width, path.name
        if width == 1280:
            assert browser.js("matchMedia('(prefers-color-scheme: dark)').matches") is dark
            assert browser.js(CONTRAST) == []
        if width in (390, 1280):
            assert serious_findings(browser) == [], path.name


def test_without_scripts_tables_and_still_pictures_are_there(browser, site):
    browser.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(f"file://{board(site)}")
        assert browser.js(f"{TABLE}.offsetParent !== null")
        assert not browser.js("[...document.querySelectorAll('.js-only')].some(e => e.offsetParent)")
        browser.wait_for("[...document.querySelectorAll('.lanes img')].some(i => i.naturalWidth > 0)")
    finally:
        browser.send("Emulation.setScriptExecutionDisabled", value=False)


def test_axe_core_does_find_what_is_wrong(page):
    page.js("document.querySelector('h1').innerHTML = '<img src=data:, >', 0")
    page.js("document.querySelector('.line').removeAttribute('aria-label')")
    assert {finding.partition(":")[0] for finding in serious_findings(page)} == {"image-alt", "label"}


def test_the_line_that_begins_a_group_is_drawn_only_while_groups_are_together(page, tmp_path):
    better = make_result("better", psnr=32, clips=[f"c{i}" for i in range(20)])
    worse = make_result("worse", psnr=30, clips=[f"c{i}" for i in range(20)])
    build_site([better, worse], tmp_path / "site")
    page.open(f"file://{board(tmp_path / 'site', protocol='standard')}")
    thick = f"parseFloat(getComputedStyle({TABLE}.querySelector('tr.opens td')).borderTopWidth)"
    assert page.js(thick) == 3
    sort_by(page, "Method")
    assert page.js(thick) == 1
