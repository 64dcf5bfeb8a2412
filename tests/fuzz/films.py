"""Videos with sound whose bytes are not what they were: read, shown to a method, and joined by their sound again."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import strategies as st

from gifbench.file_restoration import restore_video
from tests.fuzz.damage import Draw, damaged
from tests.fuzz.target import Target, ends_well
from tests.media.test_film import film_with_sound


def _read(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "in.video"
        path.write_bytes(data)
        for ending in (".mkv", ".webm"):  # packets that are kept, and sound that is encoded anew
            ends_well(lambda ending=ending: restore_video("gif", path, Path(folder) / f"out{ending}"))  # type: ignore[misc]


@functools.cache
def _seeds() -> list[bytes]:
    with TemporaryDirectory() as folder:
        kinds = (("in.mkv", "aac"), ("in.mp4", "aac"), ("in.avi", "pcm_s16le"))
        return [film_with_sound(Path(folder) / name, sound=sound, seconds=0.24).read_bytes() for name, sound in kinds]


@st.composite
def _crafted(draw: Draw, seeds: Sequence[bytes]) -> bytes:
    return draw(damaged(seeds, most=4))  # type: ignore[no-any-return]


TARGETS = (Target("film", _read, _seeds, _crafted),)
