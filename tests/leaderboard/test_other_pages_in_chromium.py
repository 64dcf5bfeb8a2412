"""The page of a study and the page before and after, in a real browser: they play, ask, keep, save, and can be read."""

from __future__ import annotations

import time

import numpy as np
import pytest

from gifbench.blind_study.study_pages import make_study
from gifbench.blind_study.vote_counting import preferences, read_choices
from gifbench.errors import AlreadyExists, MethodFailed
from gifbench.leaderboard.before_after import restore_with_page
from gifbench.media.gif import Gif
from gifbench.methods.registry import load_method
from tests.blind_study.test_vote_counting import Dataset
from tests.leaderboard.axe import serious_findings
from tests.leaderboard.factories import SmallClip

ASK = "document.getElementById('ask')"


def open_page(browser, path, *, width=1280, dark=False):
    browser.look(width=width, dark=dark)
    browser.open("about:blank")
    browser.events.clear()
    browser.open(f"file://{path}")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    out = tmp_path_factory.mktemp("chromium-study") / "study"
    methods = [load_method(name) for name in ("gif", "gaussian:sigma=3.0")]
    return out, make_study(methods, Dataset(), "plain-1", out, pairs=4)


def begin(browser, study, **look):
    open_page(browser, study[0] / "page" / "index.html", **look)
    browser.js("localStorage.clear()")
    open_page(browser, study[0] / "page" / "index.html", **look)
    browser.js("document.getElementById('who').value = ' Ada <b> '")
    browser.js("document.querySelector('#intro form').requestSubmit()")
    browser.wait_for(f"{ASK}.dataset.frame !== undefined")


def press(browser, key):
    place = browser.js("document.getElementById('place').textContent")
    for kind in ("keyDown", "keyUp"):
        browser.send("Input.dispatchKeyEvent", type=kind, key=key, code=key)
    browser.wait_for(f"{ASK}.hidden || !['{place}'].includes(document.getElementById('place').textContent)")
    browser.wait_for(f"{ASK}.hidden || !document.getElementById('place').textContent.includes('loading')")


def test_a_person_goes_through_a_study_and_what_they_save_is_counted(browser, study, tmp_path):
    out, key = study
    begin(browser, study)
    browser.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    assert browser.js("document.getElementById('place').textContent") == "Pair 1 of 4"
    browser.wait_for(f"{ASK}.dataset.frame > 0")
    for pressed in ("ArrowLeft", "ArrowDown", "ArrowRight", "ArrowRight"):
        press(browser, pressed)
    browser.js("document.getElementById('save').click()")
    deadline = time.monotonic() + 20
    while not (saved := list(tmp_path.glob("choices-*.json"))):
        assert time.monotonic() < deadline, "nothing was saved"
        time.sleep(0.05)
    (choices,), _ = read_choices(key, saved)
    assert choices.who == "Ada <b>"
    assert [choice.chosen for choice in choices.choices] == ["left", "none", "right", "right"]
    (found,) = preferences(key, [choices])
    assert (found.undecided, sum(found.preferred), found.clips) == (1, 3, 4)
    assert browser.complaints == []
    assert all(url.startswith((f"file://{out}/page/", "data:", "blob:")) for url in browser.requested)


def test_a_page_that_is_closed_goes_on_where_it_was_and_a_choice_can_be_taken_back(browser, study):
    begin(browser, study)
    for pressed in ("ArrowLeft", "ArrowLeft"):
        press(browser, pressed)
    shown = browser.js("shown.map(pair => pair.films[0][0])")
    open_page(browser, study[0] / "page" / "index.html")
    assert browser.js("document.querySelector('#intro button').textContent") == "Go on, 2 of 4 done"
    browser.js("document.querySelector('#intro form').requestSubmit()")
    browser.wait_for("document.getElementById('place').textContent === 'Pair 3 of 4'")
    assert browser.js("shown.map(pair => pair.films[0][0])") == shown
    browser.js("document.getElementById('back').click()")
    browser.wait_for("document.getElementById('place').textContent === 'Pair 2 of 4'")
    assert browser.js("state.choices.length") == 1


def test_order_and_sides_are_each_persons_own(browser, study):
    arranged = "arrange().map(pair => pair.pair + pair.films[0][0]).join()"
    begin(browser, study)
    orders = [browser.js(f"(state.session = '{i:016x}', {arranged})") for i in range(12)]
    assert len(set(orders)) > 6
    assert browser.js(f"(state.session = '{3:016x}', {arranged})") == orders[3]
    first = browser.js("about.pairs[0].films[0][0]")
    left = sum(first in {film[-16:] for film in order.split(",")} for order in orders)
    assert 1 < left < 11


def test_both_films_show_the_same_frame(browser, study):
    begin(browser, study)
    browser.js("document.getElementById('pause').click()")
    browser.js(
        "window.drawn = []; const original = CanvasRenderingContext2D.prototype.drawImage;"
        "CanvasRenderingContext2D.prototype.drawImage = function (image, x, y, ...rest) {"
        " drawn.push(y / this.canvas.height); return original.call(this, image, x, y, ...rest); }; 0"
    )
    browser.js("draw(5)")
    assert browser.js("drawn") == [5, 5]


def test_pixels_stay_pixels_where_a_film_is_enlarged_and_are_smoothed_where_it_is_not(browser, study):
    begin(browser, study)
    rendering = "getComputedStyle(document.getElementById('left')).imageRendering"
    assert browser.js(rendering) == "pixelated"
    browser.js("document.getElementById('left').style.width = '60px'; dispatchEvent(new Event('resize'))")
    assert browser.js(rendering) == "auto"


@pytest.mark.parametrize(("width", "dark"), [(1280, True), (390, False)])
def test_a_study_can_be_used_by_everyone(browser, study, width, dark):
    open_page(browser, study[0] / "page" / "index.html", width=width, dark=dark)
    assert serious_findings(browser) == []
    begin(browser, study, width=width, dark=dark)
    assert serious_findings(browser) == []
    assert browser.js("document.documentElement.scrollWidth") <= width


@pytest.fixture(scope="module")
def gif_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("gif") / "<b>cat.gif"
    path.write_bytes(SmallClip(num_frames=9).gif().to_bytes())
    return path


@pytest.mark.parametrize("factor", [1, 3])
def test_before_and_after_plays_in_step(browser, gif_file, tmp_path, factor):
    out, page = tmp_path / "out.mkv", tmp_path / "page"
    made = restore_with_page(load_method("gaussian-1.0"), gif_file, out, page, fps_factor=factor)
    assert made.frames == 8 * factor + 1
    open_page(browser, page / "index.html")
    browser.wait_for("document.querySelector('figure.player').dataset.frame > 0")
    assert browser.complaints == []
    assert browser.js("[...document.querySelectorAll('select.left option')].map(o => o.text)") == [
        "GIF",
        "gaussian-1.0",
        "What changed",
    ]
    assert browser.js("document.querySelector('figure.player').dataset.ends.split(' ').length") == made.frames
    assert browser.js("document.querySelector('li').dataset.every") == str(factor)
    assert browser.js("document.querySelector('figcaption').textContent.trim()") == "<b>cat.gif"
    assert serious_findings(browser) == []
    np.testing.assert_array_equal(Gif.read(page / "films" / "original.gif").frames, Gif.read(gif_file).frames)


def test_of_a_long_gif_the_beginning_is_shown_and_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("gifbench.leaderboard.before_after.MOST_FRAMES", 4)
    (tmp_path / "a.gif").write_bytes(SmallClip(num_frames=9).gif().to_bytes())
    restore_with_page(load_method("gif"), tmp_path / "a.gif", tmp_path / "a.mkv", tmp_path / "page")
    text = (tmp_path / "page" / "index.html").read_text()
    assert "The first 4 of 9 frames are shown." in text


def test_a_page_replaces_nothing_and_a_failure_leaves_none(gif_file, tmp_path):
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "mine.txt").touch()
    with pytest.raises(AlreadyExists, match="not a gifbench site"):
        restore_with_page(load_method("gif"), gif_file, tmp_path / "a.mkv", tmp_path / "page", overwrite=True)
    assert not (tmp_path / "a.mkv").exists()

    class Fails:
        def restore_frames(self, frames, palettes):
            raise ValueError("it broke")

    broken = load_method("gif")
    object.__setattr__(broken, "method", Fails())
    with pytest.raises(MethodFailed, match="it broke"):
        restore_with_page(broken, gif_file, tmp_path / "a.mkv", tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page"]
    assert [path.name for path in (tmp_path / "page").iterdir()] == ["mine.txt"]
