"""The table of Video2GIF is joined to the official clips by what order and frame count prove; nothing is guessed."""

from __future__ import annotations

import io
import json
import zipfile
from functools import cache
from itertools import groupby
from pathlib import Path

import pytest
from gifbench_pipelines.gif_moments import video2gif_list
from gifbench_pipelines.gif_moments.video2gif_list import Moment, parse_metadata, read_metadata
from gifbench_pipelines.gif_moments.video2gif_row_matching import Match, join
from hypothesis import given, settings
from hypothesis import strategies as st

from gifbench.errors import Gone, ManifestError, NotFound
from gifbench.manifest.rows import ManifestRow, official_rows, read_manifest
from tests.conftest import invoke, succeed
from tests.download.http_server import serve
from tests.pipelines.gif_moments.video2gif_table import HEADER, line, table

read_once = cache(official_rows)
"""The long list takes seconds to read."""


@pytest.fixture(scope="module")
def official() -> list[ManifestRow]:
    """Clips of 300 videos, many of which have several."""
    rows = read_once("gif-moments")
    wanted = set(sorted({row.locator for row in rows if row.clip_id.endswith("_004")})[:150])
    wanted |= {row.locator for row in rows[:: len(rows) // 150]}
    return [row for row in rows if row.locator in wanted]


def parsed(lines: list[str]) -> list[Moment]:
    return parse_metadata("\n".join(lines).encode(), name="metadata.txt")


def clip(video: str, number: int, frames: int) -> ManifestRow:
    return ManifestRow(
        clip_id=f"{video}_{number:03d}",
        split="test",
        source="youtube",
        locator=video,
        frames=frames,
        height=360,
        width=636,
    )


def test_a_row_is_read_as_it_stands_there() -> None:
    (moment,) = parsed([HEADER, line("abcdefghijk", 7, 300, 90, is_creative_commons=1)])
    assert moment == Moment(2, "abcdefghijk", "7", True, 300, 390, 10.0, 13.0)
    assert moment.frames == 90


@pytest.mark.parametrize("order", ["file", "start"])
@pytest.mark.parametrize("offset", [0, 1])
def test_every_clip_finds_its_row_whatever_order_was_counted(
    order: str, offset: int, official: list[ManifestRow]
) -> None:
    lines = table(official, order=order, offset=offset)
    joined = join(official, parsed(lines))
    assert (joined.evidence.order or "").startswith("the file" if order == "file" else "their starts")
    assert joined.evidence.offset == offset
    assert joined.evidence.agree == joined.evidence.deciding > 150
    assert {match.state for match in joined.matches} == {"matched"}
    assert [match.clip for match in joined.matches] == official
    of_video = {video: list(those) for video, those in groupby(lines, lambda text: text[:11])}
    for match in joined.matches:
        (moment,) = match.candidates
        assert moment.youtube_id == match.clip.locator
        assert moment.frames + offset == match.clip.frames
        assert (match.row.start, match.row.end) == (moment.start, moment.end)
        if order == "file":
            assert lines[moment.line - 1] == of_video[match.clip.locator][int(match.clip.clip_id[-3:]) - 1]


def test_without_proof_of_an_order_equal_frame_counts_stay_ambiguous() -> None:
    rows = parsed(
        [HEADER, line("abcdefghijk", 1, 0, 90), line("abcdefghijk", 2, 500, 90), line("abcdefghijk", 3, 900, 50)]
    )
    joined = join([clip("abcdefghijk", 1, 90), clip("abcdefghijk", 3, 50)], rows)
    assert joined.evidence.order is None
    first, third = joined.matches
    assert (first.state, [moment.gif_id for moment in first.candidates]) == ("ambiguous", ["1", "2"])
    assert (third.state, third.why, third.candidates[0].gif_id) == ("matched", "frames alone", "3")


def test_order_decides_between_equal_frame_counts_once_the_table_proves_it(official: list[ManifestRow]) -> None:
    twins = [clip("abcdefghijk", 2, 90)]
    lines = [*table(official), line("abcdefghijk", 1, 0, 90), line("abcdefghijk", 2, 500, 90)]
    match = join([*official, *twins], parsed(lines)).matches[-1]
    assert (match.state, match.why, match.candidates[0].start_frame) == ("matched", "order and frames", 500)


def test_order_against_frames_is_ambiguous(official: list[ManifestRow]) -> None:
    odd = [clip("abcdefghijk", 1, 90), clip("abcdefghijk", 9, 70)]
    lines = [
        *table(official),
        line("abcdefghijk", 1, 0, 60),
        line("abcdefghijk", 2, 500, 90),
        line("abcdefghijk", 3, 800, 70),
    ]
    first, ninth = join([*official, *odd], parsed(lines)).matches[-2:]
    assert first.state == ninth.state == "ambiguous"
    assert "says line" in first.why
    assert "no row of that number" in ninth.why


def test_the_same_gif_made_twice_is_no_ambiguity() -> None:
    rows = parsed([HEADER, line("abcdefghijk", 1, 300, 90), line("abcdefghijk", 2, 300, 90)])
    pair = [clip("abcdefghijk", 1, 90), clip("abcdefghijk", 2, 90)]
    assert [match.state for match in join(pair, rows).matches] == ["matched", "matched"]
    three = [*pair, clip("abcdefghijk", 3, 90)]
    assert {match.state for match in join(three, rows).matches} == {"ambiguous"}


def test_a_row_whose_seconds_and_frames_disagree_is_not_used() -> None:
    rows = parsed([HEADER, line("abcdefghijk", 1, 300, 90, gif_start_sec=11.0)])
    (match,) = join([clip("abcdefghijk", 1, 90)], rows).matches
    assert match.state == "unmatched"
    assert "its frame 300 was at 10.00 s, and it says 11 s" in match.why


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"gif_end_sec": 5}, "ends at 5 s"),
        ({"video_duration": ""}, "how long the video was"),
        ({"gif_start_frame": "soon"}, "not written in numbers"),
        ({"gif_end_frame": "1e400"}, "not written in numbers"),
    ],
)
def test_a_bad_row_says_why(change: dict[str, object], says: str) -> None:
    (moment,) = parsed([HEADER, line("abcdefghijk", 1, 300, 90, **change)])
    assert says in moment.problem


def test_a_clip_without_a_row_says_what_there_is() -> None:
    rows = parsed([HEADER, line("abcdefghijk", 1, 300, 90)])
    missing, other = join([clip("kjihgfedcba", 1, 90), clip("abcdefghijk", 1, 95)], rows).matches
    assert (missing.state, missing.why) == ("unmatched", "the table has no row of this video")
    assert (other.state, other.why) == ("unmatched", "it has 95 frames, and the video's rows have 90")
    (near,) = join([clip("abcdefghijk", 1, 91)], rows).matches
    assert near.state == "matched"


def test_a_description_that_goes_on_over_its_line_is_no_row() -> None:
    rows = parsed([HEADER, line("abcdefghijk", 1, 0, 9), "and so on", "", line("abcdefghijk", 2, 50, 9)])
    assert [moment.line for moment in rows] == [2, 5]


def test_what_is_not_that_table_is_said(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no column youtube_id"):
        parsed(["some;\ttable"])
    with pytest.raises(ManifestError, match="no row of a YouTube video"):
        parsed([HEADER])
    with pytest.raises(NotFound, match="without --metadata"):
        read_metadata(tmp_path / "nothing.txt")
    (tmp_path / "bad.zip").write_bytes(b"PK\x03\x04 and no zip")
    with pytest.raises(ManifestError, match="zip"):
        read_metadata(tmp_path / "bad.zip")


def test_a_table_or_zip_that_is_too_large_or_another_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for names in (["readme.txt"], ["a/metadata.txt", "b/metadata.txt"]):
        with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
            for name in names:
                archive.writestr(name, "x")
        with pytest.raises(ManifestError, match=r"a zip with one metadata\.txt in it is wanted"):
            read_metadata(tmp_path / "other.zip")
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.txt", bytes(1 << 20))
    (tmp_path / "long.txt").write_bytes(bytes(6000))
    monkeypatch.setattr(video2gif_list, "MAX_BYTES", 5000)
    with pytest.raises(ManifestError, match="of at most 5000 bytes"):
        read_metadata(tmp_path / "bomb.zip")
    with pytest.raises(ManifestError, match="6000 bytes, a table of up to 5000 is read"):
        read_metadata(tmp_path / "long.txt")


def test_a_download_that_fails_says_that_a_copy_will_do() -> None:
    with serve() as site, pytest.raises(Gone, match="with a copy of the table at hand: --metadata FILE"):
        video2gif_list.download_metadata(site.url("/404/metadata.txt"))


def test_the_zip_is_read_as_well(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("video2gif/metadata.txt", "\n".join([HEADER, line("abcdefghijk", 1, 0, 9)]))
    (tmp_path / "metadata.zip").write_bytes(packed.getvalue())
    assert len(read_metadata(tmp_path / "metadata.zip")) == 1


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4)), max_size=8), st.lists(st.integers(1, 4), max_size=5))
def test_a_match_is_never_a_guess(rows: list[tuple[int, int]], clips: list[int]) -> None:
    """Without an order that is proven, whatever the table holds, a matched clip has one span that fits."""
    moments = [Moment(i, "abcdefghijk", str(i), False, s, s + n, s, s + n) for i, (s, n) in enumerate(rows)]
    wanted = [clip("abcdefghijk", i, frames) for i, frames in enumerate(clips, start=1)]
    for match in join(wanted, moments).matches:
        fits = {moment.span for moment in moments if moment.frames == match.clip.frames}
        if match.state == "matched" and fits:
            assert fits == {match.candidates[0].span}


def test_the_command_downloads_joins_and_writes_what_it_did(
    official: list[ManifestRow], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = {row.locator for row in official}
    everything = [row for i, row in enumerate(read_once("gif-moments")) if row.locator in chosen or i % 20 == 0]
    fewer = lambda name: everything if name == "gif-moments" else read_once(name)  # noqa: E731
    monkeypatch.setattr("gifbench.manifest.official_rows", fewer)
    lines = table(official)
    twin = next(row for row in everything if row.locator not in chosen)
    # One video whose clip fits two rows that are in another place than its number says.
    lines += [line(twin.locator, 1, 9000, 6000 + i) for i in range(int(twin.clip_id[-3:]))]
    lines += [line(twin.locator, 2, start, twin.frames or 0, is_creative_commons=1) for start in (40, 80)]
    out = tmp_path / "moments.csv"
    with serve() as site:
        site.bodies["metadata.txt"] = "\n".join(lines).encode()
        command = ["manifest", "import-video2gif", "--url", site.url("/cut/metadata.txt"), "--out", str(out)]
        done = succeed(*command, "--json")
        again = invoke(*command)
        assert (again.exit_code, "--overwrite" in again.output) == (1, True)
    said = json.loads(done.stdout)
    assert said["evidence"]["order"] == "the file"
    totals = {state: sum(split[state] for split in said["clips"].values()) for state in ("matched", "ambiguous")}
    assert totals == {"matched": len(official), "ambiguous": 1}
    assert sum(sum(split.values()) for split in said["clips"].values()) == len(everything)
    rows = read_manifest(out)
    assert len(rows) == len(official)
    assert all(row.end is not None and row.note.startswith("Video2GIF line") for row in rows)
    undecided = [json.loads(text) for text in Path(said["undecided"]).read_text().splitlines()]
    (ambiguous,) = [about for about in undecided if about["state"] == "ambiguous"]
    assert ambiguous["clip_id"] == twin.clip_id
    assert [candidate["start_frame"] for candidate in ambiguous["candidates"]] == [40, 80]
    (tmp_path / "metadata.txt").write_text("\n".join(lines), encoding="utf-8")
    free = {row.locator for row in official_rows("video2gif-cc")}
    some = ["manifest", "import-video2gif", "--metadata", str(tmp_path / "metadata.txt"), "--creative-commons"]
    succeed(*some, "--out", tmp_path / "cc.csv")
    assert read_manifest(tmp_path / "cc.csv") == [row for row in rows if row.locator in free] != []
    own = ["manifest", "import-video2gif", str(tmp_path / "metadata.txt"), "--out", str(tmp_path / "own.parquet")]
    shown = succeed(*own)
    assert "ambiguous" in shown.stdout
    assert "follow the order of the file:" in shown.stdout
    assert read_manifest(tmp_path / "own.parquet") == rows


def test_a_creative_commons_row_gives_its_licence() -> None:
    (moment,) = parsed([HEADER, line("abcdefghijk", 1, 0, 9, is_creative_commons=1)])
    match = Match(clip("abcdefghijk", 1, 9), "matched", "", (moment,))
    assert match.row.licence.startswith("CC BY")
