"""A video comes over http whole or not at all, and every fault of a server has its own reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gifbench.download.resumable_http_source import HttpSource
from gifbench.errors import (
    DiskFull,
    Forbidden,
    GifbenchError,
    Gone,
    LoginRequired,
    RateLimited,
    Refused,
    ServerFailed,
    SourceError,
    TimedOut,
    TooLarge,
    Truncated,
    Unreachable,
)
from tests.download.http_server import Site, serve

BODY = bytes(range(256)) * 40


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with serve() as site:
        site.bodies["a.mp4"] = BODY
        yield site


def fetch(site: Site, path: str, scratch: Path, **options: object) -> bytes:
    settings = {"trusted": True, "timeout": 5.0, **options}
    return HttpSource(**settings).fetch(site.url(path), scratch).path.read_bytes()


@pytest.mark.parametrize("kind", ["good", "unannounced"])
def test_a_good_answer_is_the_file(kind: str, site: Site, tmp_path: Path) -> None:
    assert fetch(site, f"/{kind}/a.mp4?quality=1", tmp_path) == BODY


def test_a_broken_transfer_goes_on_where_it_broke_off(site: Site, tmp_path: Path) -> None:
    site.ranges.clear()
    with pytest.raises(Truncated, match=r"ended after 2560 of 5120 bytes"):
        fetch(site, "/cut/a.mp4", tmp_path, tries=2)
    # Another run, another process: what is here is gone on with.
    assert fetch(site, "/cut/a.mp4", tmp_path, tries=9) == BODY
    starts = [int(text.removeprefix("bytes=").rstrip("-")) for text in site.ranges]
    assert starts == sorted(set(starts))
    assert starts[:3] == [5120, 7680, 8960]


def test_another_version_starts_over(site: Site, tmp_path: Path) -> None:
    assert fetch(site, "/changed/a.mp4", tmp_path) == BODY


def test_another_part_than_was_asked_for_starts_over(site: Site, tmp_path: Path) -> None:
    assert fetch(site, "/other-range/a.mp4", tmp_path) == BODY
    assert site.asked["/other-range/a.mp4"] == 3


def test_a_note_that_is_damaged_starts_over(site: Site, tmp_path: Path) -> None:
    """What a killed run left beside the part of a file says nothing; its bytes are not gone on with."""
    for note in ("{", "[1]"):
        (tmp_path / "body.mp4").write_bytes(b"of another time")
        (tmp_path / "body.json").write_text(note)
        assert fetch(site, "/good/a.mp4", tmp_path) == BODY


def test_a_server_that_is_slow_and_steady_is_waited_for(site: Site, tmp_path: Path) -> None:
    assert fetch(site, "/steady/a.mp4", tmp_path, timeout=0.2, tries=1) == BODY


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/404/a.mp4", Gone),
        ("/410/a.mp4", Gone),
        ("/451/a.mp4", Gone),
        ("/401/a.mp4", LoginRequired),
        ("/403/a.mp4", Forbidden),
        ("/429/a.mp4", RateLimited),
        ("/503/a.mp4", RateLimited),
        ("/500/a.mp4", ServerFailed),
        ("/418/a.mp4", ServerFailed),
        ("/416/a.mp4", Truncated),
        ("/always-cut/a.mp4", Truncated),
        ("/less/a.mp4", Truncated),
        ("/reset-late/a.mp4", Truncated),
        ("/broken-chunks/a.mp4", Truncated),
        ("/words/a.mp4", ServerFailed),
        ("/nowhere/a.mp4", ServerFailed),
        ("/page/a.mp4", ServerFailed),
        ("/garbage/a.mp4", ServerFailed),
        ("/reset/a.mp4", Unreachable),
        ("/loop/a.mp4", ServerFailed),
        ("/to/ftp:||127.0.0.1|a.mp4", Refused),
        ("/to/file:||127.0.0.1|etc|passwd", Refused),
    ],
)
def test_every_fault_has_its_reason(path: str, kind: type[SourceError], site: Site, tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        fetch(site, path, tmp_path, tries=2)
    assert type(caught.value) is kind
    assert "127.0.0.1" in str(caught.value)
    if kind is RateLimited:
        assert caught.value.retry_after == 7


def test_a_server_that_stops_is_left(site: Site, tmp_path: Path) -> None:
    with pytest.raises(TimedOut):
        fetch(site, "/stall/a.mp4", tmp_path, timeout=0.3, tries=1)
    with pytest.raises(TimedOut, match="less than"):
        fetch(site, "/trickle/a.mp4", tmp_path / "..", timeout=0.2, tries=1)


def test_no_server_is_unreachable(tmp_path: Path) -> None:
    with serve() as gone:
        url = gone.url("/good/a.mp4")
    with pytest.raises(Unreachable):
        HttpSource(trusted=True, timeout=2).fetch(url, tmp_path)


def test_an_address_that_the_system_refuses_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"255\.255\.255\.255"):
        HttpSource(trusted=True, timeout=1).fetch("http://255.255.255.255/a.mp4", tmp_path)


def test_a_url_that_is_not_written_as_one_is_refused(site: Site, tmp_path: Path) -> None:
    for url in (
        "http://a b/a.mp4",
        "http://127.0.0.1\n/a.mp4",
        "http://xn--\u00e4.org/a.mp4",
        "http://%31.0.0.1/a.mp4",
    ):
        with pytest.raises(Refused, match=r"is no URL|names no server"):
            HttpSource(trusted=True).group(url)


@pytest.mark.parametrize("kind", ["good", "unannounced"])
def test_no_more_than_the_limit_is_taken(kind: str, site: Site, tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match="--max-size"):
        fetch(site, f"/{kind}/a.mp4", tmp_path, max_size=5000)
    assert sum(path.stat().st_size for path in tmp_path.glob("body.mp4")) <= 5000


def test_a_full_disk_is_not_the_server_s_fault(site: Site, tmp_path: Path) -> None:
    (tmp_path / "body.mp4").symlink_to("/dev/full")
    with pytest.raises(DiskFull):
        fetch(site, "/good/a.mp4", tmp_path)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::1]", "[::ffff:7f00:1]"]
)
def test_private_addresses_are_refused_however_they_are_written(host: str, site: Site, tmp_path: Path) -> None:
    before = site.asked.total()
    with pytest.raises(GifbenchError) as caught:
        HttpSource(timeout=2).fetch(f"http://{host}:{site.port}/good/a.mp4", tmp_path)
    assert caught.value.code == "refused"
    assert site.asked.total() == before


def test_a_name_that_leads_to_a_private_address_is_refused(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("127.0.0.1", site.port))])
    with pytest.raises(Refused, match=r"127\.0\.0\.1 is of a private network"):
        HttpSource(timeout=2).fetch(f"http://videos.example.org:{site.port}/good/a.mp4", tmp_path)


def test_a_redirect_into_a_private_network_is_refused(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first server passes for a public one; where it sends us does not."""
    from gifbench.download import pinned_connection as connection

    real = connection.check_address
    monkeypatch.setattr(connection, "check_address", lambda text: None if text == "127.0.0.1" else real(text))
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("127.0.0.1", site.port))])
    for target in ("http:||169.254.169.254|latest", "http:||10.0.0.1|a.mp4", "http:||localhost|a.mp4"):
        with pytest.raises(Refused, match="private network"):
            HttpSource(timeout=2).fetch(f"http://videos.example.org:{site.port}/to/{target}", tmp_path)
