"""A YouTube that is not there: a site on loopback and an extractor of our own; each answer has its reason."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.utils import DownloadError, ExtractorError, YoutubeDLError

from gifbench.dataset.failure_reasons import KINDS
from gifbench.download.fetch_ledger import FetchLedger
from gifbench.download.fetch_queue_and_pauses import fetch_sources
from gifbench.download.retry_wait_times import RetryPolicy
from gifbench.download.source_interface import FetchLimits
from gifbench.download.source_kinds import YouTubeOptions
from gifbench.download.store import Store
from gifbench.download.youtube_errors import BY_CLASS, cause_of
from gifbench.download.youtube_source import YouTubeSource
from gifbench.errors import (
    DiskFull,
    GifbenchError,
    Gone,
    NoFormat,
    NotFound,
    Refused,
    TimedOut,
    TooLarge,
    ToolFailed,
    UsageError,
)
from tests.download.conftest import FastClock, rows
from tests.download.http_server import Site, serve


class StandInIE(InfoExtractor):
    """Reads the stand-in's answers, and raises in the ways in which yt-dlp's YouTube extractor does."""

    _VALID_URL = r"http://127\.0\.0\.1:\d+/watch/(?P<id>[A-Za-z0-9_-]{11})"

    def _real_extract(self, url: str) -> dict[str, Any]:
        video_id = self._match_id(url)
        answer = self._download_json(url, video_id)
        if answer["status"] == "good" and answer["reason"]:
            self.report_warning(answer["reason"])
        if answer["status"] == "geo":
            self.raise_geo_restricted(answer["reason"], countries=["DE"])
        if answer["status"] == "login":
            self.raise_login_required(answer["reason"], method="cookies")
        if answer["status"] == "error":
            self.raise_no_formats(answer["reason"], expected=True)
        if answer["status"] == "strange":
            self._search_regex(r"player=(\w+)", "nothing of the sort", "player")
        formats = [
            {"format_id": f"v{height}", "url": media, "ext": "mp4", "height": height, "width": height * 4 // 3}
            | {"vcodec": "avc1" if height else "none", "acodec": "none" if height and not sound else "mp4a"}
            for name, media in answer["formats"].items()
            for height, sound in [(int(name.removesuffix("with_sound")), name.endswith("with_sound"))]
        ]
        return {"id": video_id, "title": video_id, "formats": formats}


def stand_in(url: str, **options: object) -> YouTubeSource:
    """The stand-in at a server, asked with these of `YouTubeOptions`, for videos of up to 100 kB."""
    limits = FetchLimits(timeout=3, max_size=100_000)
    return YouTubeSource(YouTubeOptions(**options), limits, url=f"{url}/watch/{{id}}", extractors=[StandInIE])


@pytest.fixture(scope="module")
def source(site: Site) -> YouTubeSource:
    return stand_in(site.url(""))


def says(site: Site, video_id: str, status: str, reason: str = "", **formats: str) -> str:
    offered = {key.removeprefix("p"): url for key, url in formats.items()}
    site.bodies[video_id] = json.dumps({"status": status, "reason": reason, "formats": offered}).encode()
    return video_id


ANSWERS = [
    ("unavailable", "error", "Video unavailable. This video has been removed by the uploader"),
    ("unavailable", "error", "This video is no longer available because the YouTube account has been terminated."),
    ("unavailable", "error", "Video unavailable. This video is no longer available due to a copyright claim by X"),
    ("private", "error", "Private video. Sign in if you've been granted access to this video. Use --cookies"),
    ("geo_blocked", "geo", "The uploader has not made this video available in your country"),
    ("login_required", "error", "Sign in to confirm your age. This video may be inappropriate for some users."),
    ("login_required", "login", "Please sign in"),
    ("bot_check", "error", "Sign in to confirm you’re not a bot. Use --cookies-from-browser or --cookies"),
    ("rate_limited", "error", "Video unavailable. This content isn't available, try again later. The current session"),
    ("not_yet_available", "error", "This live event will begin in 2 hours."),
    ("no_matching_format", "good", ""),
    ("tool", "strange", ""),
    ("tool", "error", "Something that nobody has seen yet"),
]

SAID: dict[str, tuple[str, ...]] = {
    # Of the video itself, and for good.
    "unavailable": (
        "This video has been removed by the uploader",
        "Video unavailable. This video has been removed for violating YouTube's Terms of Service",
        "This video is no longer available because the uploader has closed their YouTube account.",
        "This video does not exist.",
        "Video unavailable. This video contains content from UMG, who has blocked it on copyright grounds",
        "This video has been deleted",
        "Video unavailable",
        "This video is unavailable",
        "This video is not available",
        "Video unavailable; please report this issue on https://github.com/yt-dlp/yt-dlp/issues",
        "This video isn't available anymore",
        "The uploader has closed their YouTube account",
        "This account has been terminated due to multiple third-party claims of copyright infringement",
        "This video was removed because it was too long.",
    ),
    "private": ("This video is private", "Private video. Sign in if you've been granted access to this video"),
    "geo_blocked": (
        "The uploader has not made this video available in your country",
        "This video contains content from WMG, who has blocked it in your country on copyright grounds",
        "Video unavailable in your region",
        "This video is not available in your current location",
        "Video unavailable. This video isn't available in your area",
        "Video unavailable. This content is not available from your location",
    ),
    "login_required": (
        "Sign in to confirm your age. This video may be inappropriate for some users.",
        "This video is age-restricted and only available on YouTube. Log in",
        "This video is available to this channel's members on level: Fan",
        "This video requires payment to watch",
        "Join this channel to get access to members-only content",
        "Sign in to view this video",
    ),
    # Of this app, device, browser or network, and of what yt-dlp could not do: another day, another answer.
    "tool": (
        "The following content is not available on this app. Watch on the latest version of YouTube.",
        "The following content is not available on this app.. Watch this content on the latest version of YouTube.",
        "Video unavailable. This content isn’t available on this app",
        "Video unavailable. This video is not available on this device",
        "YouTube is no longer supported in this application or device",
        "This video is unavailable on your browser",
        "Video unavailable. This video is restricted from playback on certain sites or applications",
        "Playback on other websites has been disabled by the video owner",
        "The page needs to be reloaded.",
        "Only images are available for download. use --list-formats to see them",
        "No video formats found!",
        "This video is not available with the current player",
        "Please update the YouTube app to watch this video",
        "n challenge solving failed: Some formats may be missing",
        "Video unavailable. Watch this video on YouTube",
        "This video is not available on the TV client",
        "This video isn't available in YouTube Kids",
        "Video unavailable. This video was made for kids and isn't available here",
        "The player client 'android_creator' has been removed",
        "Support for Python version 3.9 has been removed",
        "Connection terminated unexpectedly",
        "deno process terminated with code 1",
        "The file /tmp/x does not exist",
        "Unable to download video: the part was deleted by another process",
        "Video unavailable. A reason that nobody has seen yet",
        "This video is not available to you",
    ),
    "forbidden": (
        "VPN/Proxy Detected. Your connection seems to come from a VPN. This video is unavailable",
        "Video unavailable. It looks like you're using a VPN or proxy",
        "Video unavailable. This video is unavailable with Restricted Mode enabled",
        "Video unavailable. This video is blocked in your organization",
        "Video unavailable. Content blocked by your parent",
        "Video unavailable. Please check your internet connection",
        "Your IP is likely being blocked by YouTube",
        "This video is restricted. Please check the Google Workspace administrator and/or the network administrator",
    ),
    "server_error": (
        "This video is temporarily unavailable",
        "An error occurred. Please try again",
        "Something went wrong",
        "Precondition check failed.",
    ),
    "bot_check": (
        "Sign in to confirm you’re not a bot",
        "Our systems have detected unusual traffic",
        "This request was detected as a bot",
    ),
    "rate_limited": (
        "Video unavailable. This content isn't available, try again later. The current session has been rate-limited",
        "Too Many Requests",
    ),
    "not_yet_available": (
        "Premieres in 3 days",
        "This live event will begin in a few moments.",
        "We're processing this video. Check back later. It is being processed",
        "We're processing this video. Check back later.",
        "Offline",
    ),
}


@pytest.mark.parametrize(("reason", "text"), [(reason, text) for reason, texts in SAID.items() for text in texts])
def test_what_youtube_says_is_for_good_only_of_the_video_itself(reason: str, text: str) -> None:
    wrapped = DownloadError(f"ERROR: [youtube] video000001: {text}", (ExtractorError, ExtractorError(text), None))
    assert cause_of(wrapped, "video000001").code == reason


def test_formats_that_are_missing_after_a_warning_are_not_missing_for_good() -> None:
    no_format = "Requested format is not available. Use --list-formats for a list of available formats"
    assert cause_of(DownloadError(no_format), "v").code == "no_matching_format"
    for warning in (
        "No supported JavaScript runtime could be found. Only deno is enabled by default",
        "[youtube] v: Signature solving failed: Some formats may be missing",
        "[youtube] v: Some web client https formats have been skipped as they are missing a url. SABR",
        "[youtube] v: ios client https formats require a GVS PO Token which was not provided. They will be skipped",
    ):
        found = cause_of(DownloadError(no_format), "v", warnings=[warning])
        assert found.code == "tool"
        assert warning in str(found)
    assert cause_of(DownloadError(no_format), "v", warnings=["The description is empty"]).code == "no_matching_format"


def test_no_message_of_yt_dlp_s_extractor_is_for_good_unless_it_says_so_of_the_video() -> None:
    """Every text in its source that an error could be made of, whatever a new version adds."""
    import ast

    from yt_dlp.extractor.youtube import _base, _video

    texts: set[str] = set()
    for module in (_base, _video):
        for node in ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name.startswith(("raise_", "report_warning")) or name.endswith("Error"):
                    texts |= {part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and part.value}
    texts = {text for text in texts if isinstance(text, str) and " " in text}
    assert len(texts) > 20
    good = {text for text in texts if KINDS[cause_of(DownloadError(text), "v").code] == "permanent"}
    assert all(re.search("private|removed|age|sign in|log ?in|country|member|format", text, re.I) for text in good), (
        good
    )


def test_warnings_are_kept(site: Site, source: YouTubeSource, video: bytes, tmp_path: Path) -> None:
    site.bodies["warned.mp4"] = video
    says(site, "warned00001", "good", "no JavaScript runtime", p360=site.url("/good/warned.mp4"))
    assert "no JavaScript runtime" in source.fetch("warned00001", tmp_path).about["warnings"]
    says(site, "warned00002", "good", "no JavaScript runtime", p240=site.url("/good/warned.mp4"))
    with pytest.raises(ToolFailed, match=r"yt-dlp warned: .*no JavaScript runtime"):
        source.fetch("warned00002", tmp_path)


def test_a_blocked_run_believes_nothing(site: Site, source: YouTubeSource, video: bytes, tmp_path: Path) -> None:
    """As if all were deleted: the brake stops, and the next run asks again; with a good video, they are deleted."""
    site.bodies["known.mp4"] = video
    ids = [says(site, f"block{i:06d}", "error", "Video unavailable") for i in range(30)]
    heard: list[str] = []
    run = {"policy": RetryPolicy(brake=10), "progress": lambda now: heard.append(now.message)}
    wanted = rows(*ids, source="youtube")
    done = fetch_sources(wanted, Store(tmp_path), {"youtube": source}, clock=FastClock(), **run)
    assert (done.failed, done.untried) == ({"unconfirmed": 10}, 20)
    assert any("unavailable was the answer for 10 of the last 10" in text for text in heard)
    known = says(site, "known000001", "good", p360=site.url("/good/known.mp4"))
    wanted = rows(known, *ids, source="youtube")
    later = FastClock()
    later.sleep(9000)
    done = fetch_sources(wanted, Store(tmp_path), {"youtube": source}, clock=later, **run)
    assert (done.stored, done.failed, done.untried) == (1, {"unavailable": 30}, 0)
    assert any("known000001 is there, so they are believed" in text for text in heard)


@pytest.mark.parametrize(("reason", "status", "text"), ANSWERS)
def test_every_answer_has_its_reason(
    reason: str, status: str, text: str, site: Site, source: YouTubeSource, tmp_path: Path
) -> None:
    says(site, "video000001", status, text, p240=site.url("/good/small.mp4"))
    with pytest.raises(GifbenchError) as caught:
        source.fetch("video000001", tmp_path)
    assert caught.value.code == reason
    assert "video000001" in str(caught.value)
    assert text[:25] in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(b"429", "rate_limited"), (b"403", "forbidden"), (b"404", "server_error"), (b"500", "server_error")],
)
def test_a_status_says_nothing_about_the_video(
    answer: bytes, reason: str, site: Site, source: YouTubeSource, tmp_path: Path
) -> None:
    site.bodies["video000002"] = answer
    with pytest.raises(GifbenchError) as caught:
        source.fetch("video000002", tmp_path)
    assert caught.value.code == reason
    assert KINDS[reason] == "transient"


@pytest.mark.parametrize(("kind", "reason"), [("403", "forbidden"), ("429", "rate_limited"), ("reset", "network")])
def test_so_do_faults_of_the_transfer(
    kind: str, reason: str, site: Site, source: YouTubeSource, tmp_path: Path
) -> None:
    says(site, "video000003", "good", p360=site.url(f"/{kind}/a.mp4"))
    with pytest.raises(GifbenchError) as caught:
        source.fetch("video000003", tmp_path)
    assert caught.value.code == reason


def test_no_site_is_unreachable(tmp_path: Path) -> None:
    with serve() as gone:
        source = stand_in(gone.url(""))
    with pytest.raises(GifbenchError) as caught:
        source.fetch("video000004", tmp_path)
    assert caught.value.code == "network"


def test_the_best_picture_is_taken_as_it_is(site: Site, source: YouTubeSource, video: bytes, tmp_path: Path) -> None:
    site.bodies["best.mp4"] = video
    says(site, "-ideo_00005", "good", p240=site.url("/404/x"), p360=site.url("/404/x"), p720=site.url("/good/best.mp4"))
    fetched = source.fetch("-ideo_00005", tmp_path)
    assert fetched.path.read_bytes() == video
    assert fetched.about["format_id"] == "v720"
    assert fetched.about["yt-dlp"]
    assert [path.name for path in tmp_path.iterdir()] == [fetched.path.name]


def test_a_video_over_the_limit_is_not_taken(site: Site, source: YouTubeSource, tmp_path: Path) -> None:
    site.bodies["big.mp4"] = b"x" * 100_001
    says(site, "video000007", "good", p360=site.url("/good/big.mp4"))
    with pytest.raises(TooLarge, match="--max-size"):
        source.fetch("video000007", tmp_path)


def test_wrong_settings_stop_the_run_and_blame_no_video(site: Site, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="cookies"):
        YouTubeSource(YouTubeOptions(cookies=tmp_path / "nothing.txt"))
    (tmp_path / "cookies.txt").write_text("these are no cookies")
    source = stand_in(site.url(""), cookies=tmp_path / "cookies.txt")
    with pytest.raises(UsageError, match="cookies"):
        fetch_sources(rows("video000001", source="youtube"), Store(tmp_path / "store"), {"youtube": source})
    assert not FetchLedger(tmp_path / "store").fetches


def test_after_a_rate_limit_nothing_is_recorded_as_gone(
    site: Site, source: YouTubeSource, video: bytes, tmp_path: Path
) -> None:
    site.bodies["ok.mp4"] = video
    ids = [f"clip0000{i:03d}" for i in range(6)]
    limited = "Video unavailable. This content isn't available, try again later."
    for name in ids:
        says(site, name, "error", limited)
    says(site, "deleted0001", "error", "Video unavailable. This video has been removed by the uploader")

    class Forgiving(FastClock):
        """After the third pause YouTube gives again."""

        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if len([wait for wait in self.waits if wait > 100]) == 3:
                for name in ids:
                    says(site, name, "good", p360=site.url("/good/ok.mp4"))

    how = {"policy": RetryPolicy(per_hour={"youtube": 300}), "clock": Forgiving()}
    wanted = rows(*ids, "deleted0001", source="youtube")
    done = fetch_sources(wanted, Store(tmp_path), {"youtube": source}, **how)
    assert (done.stored, done.failed, done.untried) == (6, {"unavailable": 1}, 0)
    lines = [json.loads(line) for line in (tmp_path / "fetches.jsonl").read_text().splitlines()]
    assert {line["reason"] for line in lines if line["locator"] in ids} == {"rate_limited", ""}
    assert FetchLedger(tmp_path).fetches["youtube", "deleted0001"].reason == "unavailable"


def all_classes() -> set[type[BaseException]]:
    """Every class of errors that yt-dlp defines for itself."""
    from yt_dlp.cookies import CookieLoadError
    from yt_dlp.networking.exceptions import RequestError

    found: set[type[BaseException]] = set()
    waiting: list[type[BaseException]] = [YoutubeDLError, CookieLoadError, RequestError]
    while waiting:
        kind = waiting.pop()
        found.add(kind)
        waiting += kind.__subclasses__()
    return found


def test_every_class_of_yt_dlp_s_errors_is_mapped() -> None:
    """A new yt-dlp with a new class fails here, and somebody decides what it means."""
    import yt_dlp.postprocessor
    import yt_dlp.utils.traversal

    assert yt_dlp.postprocessor
    classes = {kind.__name__ for kind in all_classes() if kind.__module__.startswith("yt_dlp")}
    assert len(classes) > 25
    assert classes - BY_CLASS.keys() == set()
    assert issubclass(ExtractorError, YoutubeDLError)


def test_what_nobody_knows_is_our_fault_and_never_gone() -> None:
    for error in (YoutubeDLError("hm"), ExtractorError("hm"), DownloadError("hm"), ValueError("hm"), KeyError("x")):
        assert type(cause_of(error, "video000006")) is ToolFailed
    assert type(cause_of(DownloadError("This video has been removed by the uploader"), "v")) is Gone


def test_what_the_machine_or_gifbench_says_is_no_answer_of_youtube() -> None:
    """Found wherever in the chain of causes it stands, whatever the text says."""
    said = "Video unavailable"
    for cause, kind in (
        (Gone("from elsewhere"), Gone),
        (OSError(28, "No space left on device"), DiskFull),
        (TimeoutError("slow"), TimedOut),
        (ConnectionResetError(104, "reset"), Gone),
        (OSError(5, "Input/output error"), Gone),
    ):
        wrapped = DownloadError(said, (type(cause), cause, None))
        assert type(cause_of(wrapped, "video000007")) is kind, cause


def test_a_download_that_leaves_no_file_is_said(source: YouTubeSource, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(source._yt_dlp.YoutubeDL, "extract_info", lambda *_, **__: {"requested_downloads": []})
    with pytest.raises(NoFormat, match="video000008: yt-dlp ended without a file"):
        source.fetch("video000008", tmp_path)


def test_youtube_s_own_extractor_is_the_only_one(tmp_path: Path, monkeypatch: Any) -> None:
    """What fetches by default knows no other site, also where an answer leads to one."""
    monkeypatch.setitem(sys.modules, "deno", None)
    real = YouTubeSource()
    assert [extractor.__name__ for extractor in real._extractors] == ["YoutubeIE"]
    assert real._options["js_runtimes"] == {"deno": {}}


def test_an_error_of_each_class_ends_as_the_table_says_and_none_as_gone() -> None:
    from yt_dlp.networking.exceptions import HTTPError

    for kind in all_classes():
        if kind.__module__.startswith("yt_dlp") and kind is not HTTPError:
            error = kind.__new__(kind, "hm")  # what their constructors want differs, and does not matter here
            found = type(cause_of(error, "video000006"))
            assert found is (BY_CLASS[kind.__name__] or ToolFailed), kind
            wrapped = DownloadError("ERROR: hm", (kind, error, None))
            assert type(cause_of(wrapped, "video000006")) is found, kind


def test_a_whole_site_in_one_run_each_video_with_its_own_reason(
    site: Site, source: YouTubeSource, video: bytes, tmp_path: Path
) -> None:
    """The way from the site to the ledger; a video that ten clips need is asked for once."""
    site.bodies["whole.mp4"] = video
    expected: dict[str, str] = {}
    for number, (reason, status, text) in enumerate(ANSWERS):
        if reason not in ("rate_limited", "bot_check"):
            expected[says(site, f"whole{number:06d}", status, text, p240=site.url("/good/whole.mp4"))] = reason
    expected[says(site, "whole-good0", "good", p360=site.url("/good/whole.mp4"))] = ""
    wanted = rows(*[name for name in expected for _ in range(10)], source="youtube")
    site.asked.clear()
    how = {"policy": RetryPolicy(attempts=1), "clock": FastClock()}
    done = fetch_sources(wanted, Store(tmp_path), {"youtube": source}, **how)
    assert (done.wanted, done.stored, done.untried) == (len(expected), 1, 0)
    assert {key.locator: fetch.reason for key, fetch in FetchLedger(tmp_path).fetches.items()} == expected
    assert all(site.asked[f"/watch/{name}"] == 1 for name in expected)
    assert site.asked["/good/whole.mp4"] == 1
    stored = Store(tmp_path).find("youtube", "whole-good0")
    assert stored is not None
    assert (stored.sha256, stored.about["format_id"]) == (hashlib.sha256(video).hexdigest(), "v360")
    assert {"yt-dlp", "gifbench", "av"} <= stored.about.keys()


@pytest.mark.parametrize("kind", ["rate_limited", "bot_check"])
def test_a_breaker_stops_all_of_youtube_and_no_other_video_is_asked_for(
    kind: str, site: Site, source: YouTubeSource, tmp_path: Path
) -> None:
    text = next(text for reason, _, text in ANSWERS if reason == kind)
    ids = [says(site, f"break{i:06d}", "error", text) for i in range(30)]
    site.asked.clear()
    how = {"policy": RetryPolicy(pauses=2), "clock": FastClock()}
    done = fetch_sources(rows(*ids, source="youtube"), Store(tmp_path), {"youtube": source}, **how)
    assert site.asked.total() == 3
    assert set(done.failed) == {kind}
    assert "unavailable" not in {fetch.reason for fetch in FetchLedger(tmp_path).fetches.values()}


def test_cookies_and_a_proxy_reach_the_site(site: Site, video: bytes, tmp_path: Path) -> None:
    site.bodies["via.mp4"] = video
    jar = tmp_path / "cookies.txt"
    jar.write_text("# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tsession\tmine\n")
    nobody = "http://127.0.0.1:1"  # only the proxy knows it
    source = stand_in(nobody, cookies=jar, proxy=site.url(""))
    says(site, "proxied0001", "good", p360=f"{nobody}/good/via.mp4")
    assert source.fetch("proxied0001", tmp_path).path.read_bytes() == site.bodies["via.mp4"]
    for path in ("/watch/proxied0001", "/good/via.mp4"):
        assert site.heard[path]["request"] == f"{nobody}{path}"
        assert site.heard[path]["Cookie"] == "session=mine"


@pytest.mark.parametrize("option", [{"sleep": 0.4}, {"rate": 40_000.0}])
def test_sleep_and_rate_are_kept(option: dict[str, float], site: Site, tmp_path: Path) -> None:
    import time

    site.bodies["slow.mp4"] = bytes(24_000)
    says(site, "unhurried01", "good", p360=site.url("/good/slow.mp4"))
    started = time.monotonic()
    stand_in(site.url(""), **option).fetch("unhurried01", tmp_path)
    assert time.monotonic() - started > 0.35


def test_deno_is_found_and_passed_on(source: YouTubeSource) -> None:
    """yt-dlp takes the program that the package brought, and can run it."""
    from importlib.metadata import version

    import deno
    import yt_dlp

    path = source._options["js_runtimes"]["deno"]["path"]
    assert path == str(deno.find_deno_bin())
    with yt_dlp.YoutubeDL({**source._options, "quiet": True}, auto_init=False) as client:
        assert client._js_runtimes["deno"].info.version == version("deno")


def test_sound_is_left_where_it_is(site: Site, source: YouTubeSource, video: bytes, tmp_path: Path) -> None:
    """Of a picture with sound and one without, the one without; of sound alone, nothing."""
    site.bodies["mute.mp4"] = video
    formats = {"p360": site.url("/good/mute.mp4"), "p1080with_sound": site.url("/404/x"), "p0": site.url("/404/x")}
    says(site, "mute0000001", "good", **formats)
    assert source.fetch("mute0000001", tmp_path).about["format_id"] == "v360"


@pytest.mark.parametrize(
    ("enough", "offered", "taken"),
    [(None, (240, 360, 720), "v720"), (480, (240, 360, 720), "v360"), (480, (240, 720, 1080), "v720")],
)
def test_no_more_lines_come_than_are_enough(
    enough: int | None, offered: tuple[int, ...], taken: str, site: Site, video: bytes, tmp_path: Path
) -> None:
    site.bodies["lines.mp4"] = video
    says(site, "lines000001", "good", **{f"p{height}": site.url("/good/lines.mp4") for height in offered})
    source = stand_in(site.url(""), max_height=enough)
    assert source.fetch("lines000001", tmp_path).about["format_id"] == taken


def test_only_ids_are_asked_for(source: YouTubeSource, tmp_path: Path) -> None:
    for locator in ("http://127.0.0.1/", "../../../..", "a" * 12):
        with pytest.raises(Refused, match="is no YouTube id"):
            source.fetch(locator, tmp_path)
