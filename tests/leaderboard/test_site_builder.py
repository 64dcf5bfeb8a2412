"""The whole site: complete, the same each time, safe from what results may hold, honest about what is missing."""

from __future__ import annotations

import errno
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gifbench.errors import DiskFull, ResultsError
from gifbench.leaderboard.site_builder import build_site
from tests.leaderboard.factories import FINGERPRINT, make_result, small_dataset

METHODS = ("gif", "gaussian-0.5", "gaussian-1.0")


class Page(HTMLParser):
    """Every tag with its attributes, and all the text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def files(site):
    return {str(path.relative_to(site)): path.read_bytes() for path in sorted(site.rglob("*")) if path.is_file()}


def some_results(tasks=("plain-1", "plain-4")):
    return [
        make_result(method, psnr=30 + i, task=task, protocol=protocol)
        for i, method in enumerate(METHODS)
        for task in tasks
        for protocol in ("standard", "gif2video")
    ]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "site"
    index = build_site(some_results(), out, dataset_for={FINGERPRINT: small_dataset()}, date="2025-01-31")
    assert index == out / "index.html"
    return out


def test_every_file_that_a_page_names_is_there_and_every_picture_is_named(site):
    named = set()
    for path in site.rglob("*.html"):
        for _, attributes in Page(path).tags:
            for name in ("src", "href", "data-src", "data-detail", "data-href"):
                for target in (attributes.get(name) or "").split():
                    if not target.startswith(("#", "data:")):
                        named.add((path.parent / target.split("#")[0]).resolve())
    assert all(path.is_file() for path in named), sorted(str(path) for path in named if not path.is_file())
    pictures = {path.resolve() for path in (site / "clips").rglob("*.*")}
    assert pictures and pictures <= named


def test_nothing_outside_the_site_is_asked_for(site):
    for path in site.rglob("*.html"):
        page = Page(path)
        assert not [tag for tag, a in page.tags if tag in ("link", "iframe", "object") and a.get("rel") != "icon"]
        assert not re.search(r"""(src|href)=["']?(https?:)?//""", path.read_text(encoding="utf-8"))


def test_the_same_results_give_the_same_bytes_whatever_their_order(site, tmp_path):
    again = tmp_path / "again"
    build_site(some_results()[::-1], again, dataset_for={FINGERPRINT: small_dataset()}, date="2025-01-31")
    assert files(again) == files(site)


def board_pages(site, protocol):
    return sorted(site.glob(f"boards/*-{protocol}-*.html"))


def test_a_table_shows_three_digits_intervals_coverage_and_the_papers_rows(site):
    (text,) = [path.read_text(encoding="utf-8") for path in board_pages(site, "gif2video") if "plain-1" in path.name]
    assert "<b>32.150</b><small>31.95 to 32.35</small>" in text
    assert "<b>0.885</b><small>0.875 to 0.895</small>" in text
    assert "3.8% of 104" in text
    assert text.count(">as reported</span>") == 14
    assert "2025-01-31" in text


def test_the_first_page_says_what_leads_in_each_task_and_leads_to_its_table(site):
    page = Page(site / "index.html")
    links = [a.get("href") or "" for tag, a in page.tags if tag == "a"]
    assert {f"boards/{path.name}" for path in site.glob("boards/*.html")} <= set(links)
    assert page.text.count("gaussian-1.0") >= 4


def test_of_many_that_share_the_first_group_some_are_named_and_the_others_counted(tmp_path):
    results = [make_result(f"m{i}", psnr=30 + i / 100, clips="abcdef") for i in range(7)]  # six cannot tell seven
    text = Page(build_site(results, tmp_path / "site")).text
    assert "m6, m5, m4, m3 and 3 more" in " ".join(text.split())


def test_tables_are_read_aloud_well(site):
    for path in [site / "index.html", *site.glob("boards/*.html"), *site.glob("clips/*/*.html")]:
        page = Page(path)
        tags = [tag for tag, _ in page.tags]
        assert tags.count("caption") == tags.count("table") > 0, path
        assert all(a.get("scope") in ("col", "row", "rowgroup") for tag, a in page.tags if tag == "th")
        assert dict(page.tags)["html"] == {"lang": "en"}
        ids = [a["id"] for _, a in page.tags if "id" in a]
        assert len(ids) == len(set(ids))
        assert all(a.get("aria-label") for tag, a in page.tags if tag in ("canvas", "svg"))


def test_every_clip_has_a_page_with_every_method_that_was_scored_on_it(site):
    pages = sorted(site.glob("clips/*/*.html"))
    assert len(pages) == 4
    for path in pages:
        text = Page(path).text
        assert all(text.count(name) >= 4 for name in METHODS), path


def test_each_method_has_a_page_with_its_best_median_and_worst_clip(site):
    for name in METHODS:
        (path,) = [p for p in (site / "methods").iterdir() if re.match(name.replace(".", "-") + "-[0-9a-f]{8}", p.name)]
        page = Page(path)
        assert sum(a.get("class") == "player" for _, a in page.tags) == 6
        assert sum(tag == "canvas" for tag, _ in page.tags) == 6 * (1 + (2 if name == "gif" else 3))
        assert "Error of the GIF" in page.text
        assert "Best:" in page.text and "Median:" in page.text and "Worst:" in page.text


HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>/../../' + "x" * 230


def test_hostile_names_are_text_and_nothing_else(tmp_path):
    results = [make_result("gif"), make_result(HOSTILE, dataset=HOSTILE, task=HOSTILE, split=HOSTILE, protocol=HOSTILE)]
    results.append(make_result("\u202egnp.exe\x00\x1b[31m", options={'<b onclick="x">': "</script><script>x"}))
    results.append(make_result("m", clips=("../../../escaped", "<script>", "c", "d")))
    out = tmp_path / "in" / "site"
    build_site(results, out, dataset_for={FINGERPRINT: small_dataset(("../../../escaped", "<script>", *"abcd"))})
    for path in out.rglob("*"):
        assert re.fullmatch(r"[a-z0-9.-]{1,80}", path.name), path
    for path in out.rglob("*.html"):
        page = Page(path)
        assert [tag for tag, _ in page.tags].count("script") == 2
        assert not [a for tag, a in page.tags if any(name.startswith("on") for name in a) or (tag == "b" and a)]
        assert not any((ord(c) < 32 and c != "\n") or c == "\u202e" for c in path.read_text(encoding="utf-8"))
    assert sorted(path.name for path in tmp_path.rglob("*") if path.parent in (tmp_path, tmp_path / "in")) == [
        "in",
        "site",
    ]


def test_a_method_that_is_not_at_hand_is_said_and_the_others_are_shown(tmp_path):
    results = [make_result("gone", psnr=33), make_result("gif")]
    out = tmp_path / "site"
    build_site(results, out, dataset_for={FINGERPRINT: small_dataset()})
    (gone,) = (out / "methods").glob("gone-*")
    assert 'class="player"' not in gone.read_text()
    assert "could not be loaded here (there is no method &#34;gone&#34;: " in gone.read_text()
    assert 'class="player"' in (out / "index.html").read_text()


def test_a_clip_that_is_not_in_the_dataset_is_said(tmp_path):
    from gifbench.errors import NoSuchClip

    class Lacking(dict):
        def __missing__(self, clip_id):
            raise NoSuchClip(f"no clip is called {clip_id}")

    out = tmp_path / "site"
    build_site([make_result("gif")], out, dataset_for={FINGERPRINT: Lacking(small_dataset(("d",)))})
    page = Page(next((out / "methods").iterdir()))
    assert "no clip is called a" in page.text
    assert sum(a.get("class") == "player" for _, a in page.tags) == 1


def test_a_full_disk_stops_it_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("gifbench.leaderboard.example_pictures.film", full)
    with pytest.raises(DiskFull):
        build_site([make_result("gif")], tmp_path / "site", dataset_for={FINGERPRINT: small_dataset()})
    assert not list(tmp_path.iterdir())


def test_a_method_that_fails_on_a_clip_is_said(tmp_path, monkeypatch):
    def fails(self, frames, palettes):
        raise ZeroDivisionError("<b>")

    monkeypatch.setattr("gifbench_baselines.gaussian.Gaussian.restore_frames", fails)
    build_site([make_result("gaussian-1.0")], tmp_path / "site", dataset_for={FINGERPRINT: small_dataset()})
    page = Page(next((tmp_path / "site" / "methods").iterdir()))
    assert page.text.count("ZeroDivisionError") == 4  # best, median, worst, and the clip that all methods share
    assert 'class="player"' not in (tmp_path / "site" / "index.html").read_text()


def test_without_datasets_there_are_tables_and_no_clips(tmp_path):
    build_site(some_results(), tmp_path / "site")
    assert not list((tmp_path / "site").rglob("*.webp"))
    assert 'class="player"' not in (tmp_path / "site" / "index.html").read_text()


def test_no_results_are_an_error_and_make_no_page(tmp_path):
    with pytest.raises(ResultsError, match="no results to show: gifbench evaluate"):
        build_site([], tmp_path / "site")
    assert not list(tmp_path.iterdir())


def test_a_result_without_clip_scores_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ResultsError, match="scores of its clips are missing"):
        build_site([make_result().model_copy(update={"clip_scores": ()})], tmp_path / "site")
    assert not list(tmp_path.iterdir())


def test_a_result_with_two_scores_of_a_clip_is_refused_and_the_others_are_shown(tmp_path):
    twice = make_result("twice")
    twice = twice.model_copy(update={"clip_scores": (*twice.clip_scores[:3], twice.clip_scores[0])})
    with pytest.raises(ResultsError, match="more than one score for a clip"):
        build_site([make_result(), twice], tmp_path / "site")
    errors = []
    build_site([make_result(), twice], tmp_path / "site", on_error=errors.append)
    assert len(errors) == 1
    assert len(list((tmp_path / "site" / "methods").iterdir())) == 1


def test_of_a_large_dataset_only_the_clips_that_are_shown_have_pages(tmp_path, monkeypatch):
    monkeypatch.setattr("gifbench.leaderboard.clip_pages.MOST_PAGES", 5)
    clips = "abcdefgh"
    build_site(
        [make_result("gif", clips=clips)],
        tmp_path / "site",
        dataset_for={FINGERPRINT: small_dataset(clips)},
        clips_per_method=2,
    )
    pages = list((tmp_path / "site" / "clips").glob("*/*.html"))
    assert [path.name[0] for path in sorted(pages)] == ["a", "d", "h"]  # the worst, the shared one, the best
    (board,) = (tmp_path / "site" / "boards").glob("*.html")
    assert "3 of the 8 clips: those that are shown with pictures." in board.read_text()


def test_no_page_of_twelve_methods_on_all_boards_reaches_300_kilobytes(tmp_path):
    results = [
        make_result(f"method-{i}:sigma={i / 2}", psnr=30 + i / 7, task=f"{v}-{k}", protocol=p, dataset=d, fingerprint=d)
        for i in range(12)
        for v in ("plain", "dithered")
        for k in (1, 2, 4, 8)
        for p in ("standard", "gif2video")
        for d in ("gif-faces", "gif-moments")
    ]
    build_site(results, tmp_path / "site")
    assert all(path.stat().st_size < 300_000 for path in (tmp_path / "site").rglob("*.html"))


def test_fifty_methods_on_a_table_stay_under_300_kilobytes(tmp_path):
    clips = [f"clip-{i}" for i in range(40)]
    results = [
        make_result(f"{'method' * 6}-{i}:sigma={i / 2}", psnr=30 + i / 7, protocol="gif2video", clips=clips)
        for i in range(50)
    ]
    build_site(results, tmp_path / "site")
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "site").rglob("*.html")}
    assert all(size < 300_000 for size in sizes.values()), sizes
