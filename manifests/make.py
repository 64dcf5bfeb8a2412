"""Make the manifests from the official clip lists: `python manifests/make.py LISTS`, LISTS holding gif-*.txt.

The lists are the ones that the authors of GIF2Video released. README.md says what each column holds.
"""

from __future__ import annotations

import sys
from pathlib import Path

from gifbench.build.manifest import ManifestRow, manifest_bytes

HERE = Path(__file__).parent


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


def main() -> None:
    """Write both manifests beside this script."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    lists = Path(sys.argv[1])
    for name, rows in (("gif-faces", gif_faces(lists)), ("gif-moments", gif_moments(lists))):
        (HERE / f"{name}.parquet").write_bytes(manifest_bytes(sorted(rows, key=lambda row: (row.split, row.clip_id))))
        print(f"{name}.parquet: {len(rows)} clips, {sum(row.frames or 0 for row in rows)} frames")


if __name__ == "__main__":
    main()
