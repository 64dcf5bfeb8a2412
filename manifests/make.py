"""Make the tables of this folder from the official lists: `python manifests/make.py LISTS`.

LISTS holds gif-*.txt, which the authors of GIF2Video released, video2gif-cc-by.txt, the videos of Video2GIF's test
list, and faceforensics-plus-plus-conversion.json of FaceForensics++. README.md says what each column holds.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow as pa

from gifbench.manifest.rows import ManifestRow, manifest_bytes
from gifbench.parquet import parquet_bytes

HERE = Path(__file__).parent

CREATIVE_COMMONS = "CC BY 3.0 (YouTube)"


def gif_faces(lists: Path) -> list[ManifestRow]:
    """987 FaceForensics videos, whole; the list that the authors call `valid` is the test split."""
    rows = []
    for split in ("train", "test"):
        for line in (lists / f"gif-faces-{split}.txt").read_text().splitlines():
            name, frames = line.split()
            rows.append(
                ManifestRow(
                    clip_id=name.removesuffix(".avi"),
                    split=split,
                    source="faceforensics",
                    locator=name,
                    frames=int(frames),
                    licence="FaceForensics terms of use",
                )
            )
    return rows


def gif_moments(lists: Path) -> list[ManifestRow]:
    """71,575 moments of YouTube videos; their spans are not in the lists and come from the Video2GIF table."""
    rows = []
    for split in ("train", "validation", "test"):
        for line in (lists / f"gif-moments-{split}.txt").read_text().splitlines()[1:]:
            name, height, width, frames = line.split()
            clip_id = name.removesuffix(".mp4")
            rows.append(
                ManifestRow(
                    clip_id=clip_id,
                    split=split,
                    source="youtube",
                    locator=clip_id.rsplit("_", 1)[0],
                    frames=int(frames),
                    height=int(height),
                    width=int(width),
                )
            )
    return rows


def video2gif_cc(lists: Path) -> list[ManifestRow]:
    """Those moments whose videos are Creative Commons: all of Video2GIF's test list that is in GIF-Moments."""
    videos = set((lists / "video2gif-cc-by.txt").read_text().split())
    kept = [row for row in gif_moments(lists) if row.locator in videos]
    return [row.model_copy(update={"licence": CREATIVE_COMMONS}) for row in kept]


def faceforensics_plus_plus(lists: Path) -> bytes:
    """Which part of which YouTube video each of the 1000 originals of FaceForensics++ is."""
    originals = json.loads((lists / "faceforensics-plus-plus-conversion.json").read_text())
    rows = []
    for number, name in sorted(originals.items()):
        youtube_id, sequence = name.rsplit(" ", 1)
        rows.append({"video": number, "youtube_id": youtube_id, "sequence": int(sequence)})
    schema = pa.schema([("video", pa.string()), ("youtube_id", pa.string()), ("sequence", pa.int32())])
    return parquet_bytes(rows, schema)


def main() -> None:
    """Write the tables beside this script."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    lists = Path(sys.argv[1])
    for name, make in (("gif-faces", gif_faces), ("gif-moments", gif_moments), ("video2gif-cc", video2gif_cc)):
        rows = sorted(make(lists), key=lambda row: (row.split, row.clip_id))
        (HERE / f"{name}.parquet").write_bytes(manifest_bytes(rows))
        videos = len({row.locator for row in rows})
        print(f"{name}.parquet: {len(rows)} clips of {videos} videos, {sum(row.frames or 0 for row in rows)} frames")
    (HERE / "faceforensics-plus-plus.parquet").write_bytes(faceforensics_plus_plus(lists))


if __name__ == "__main__":
    main()
