"""What gifbench 0.1.0 wrote: run once with that version's Python, from its folder; the files beside this one came out.

    cd gifbench-0.1.0 && .venv/bin/python …/tests/data/v0_1_0/make.py

Videos are drawn, so that everything here may be passed on.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

HERE = Path(__file__).parent
PYTHON = sys.executable


def picture(num_frames: int, height: int, width: int, seed: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    frames = np.empty((num_frames, height, width, 3), np.uint8)
    for t in range(num_frames):
        ball = (x - (10 + 3 * t + 7 * seed) % width) ** 2 + (y - height / 2) ** 2 < (height / 6) ** 2
        sky = np.stack([x * 200 / width, y * 200 / height, (x + y + 40 * seed) * 120 / (width + height)], -1)
        frames[t] = np.where(ball[..., None], [220, 60, 30], sky)
    return frames


def video(path: Path, frames: np.ndarray, times: list[int] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "veryslow", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 100)
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = times[number] if times else 4 * number
            frame.time_base = Fraction(1, 100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def main() -> None:
    from gifbench.build import recipe as recipes
    from gifbench.build.faces import Box, Detection
    from gifbench.build.fetching import fetch_sources
    from gifbench.build.manifest import ManifestRow, from_folder, write_manifest
    from gifbench.build.run import build_dataset
    from gifbench.build.sources import MemorySource
    from gifbench.build.store import Store

    videos = HERE / "videos"
    video(videos / "ant.mp4", picture(6, 36, 48, 0))
    video(videos / "cam1" / "0001.mp4", picture(5, 36, 48, 1))
    video(videos / "a" / "run.mp4", picture(5, 36, 48, 2))
    video(videos / "b" / "run.mp4", picture(6, 36, 48, 3), times=[0, 3, 7, 12, 14, 30])
    video(videos / "narrow.mp4", picture(5, 36, 32, 4))
    (videos / "broken.mp4").write_bytes(b"this is no video" * 10)
    fingerprints = {}

    def build(name: str, recipe: str, **settings: object) -> None:
        rows = from_folder(videos)
        # One of each split, as a manifest may say.
        rows = [row.model_copy(update={"split": "train"}) if row.clip_id == "ant" else row for row in rows]
        made = recipes.load_recipe(recipe, settings)
        out = str(HERE / "datasets" / name)
        fingerprints[name] = build_dataset(made, rows, out, sources=videos, workers=1).fingerprint

    small = {"min_width": 40, "min_height": 36, "short_side": 24, "min_frames": 4}
    os.chdir(HERE)
    build("moments", "gif-moments", **small)
    build("moments-made", "gif-moments", gifs="made", **small)
    build("moments-source", "gif-moments", truth="source", **small)
    build("moments-median-cut", "gif-moments", quantizer="median-cut", colors=16, jpeg=90, **small)
    build("custom", "tiny.py")
    build("custom-made-source", "tiny.py", gifs="made", truth="source", kmeans_steps=2)

    import gifbench_pipelines.gif_faces as faces

    class Bright:
        """The ball is the face."""

        pixels = "gray" if "gray" in str(faces.find_detector) else "grey"

        def detect(self, image: np.ndarray, *, upsample: int = 0) -> list[Detection]:
            return [Detection(Box(8, 4, 32, 28))]

    real = faces.find_detector
    Bright.pixels = real("hog").pixels
    faces.find_detector = lambda name: Bright()
    build("faces", "gif-faces", size=24)
    faces.find_detector = real

    store = Store(HERE / "store")
    rows = [
        ManifestRow(clip_id="far", split="test", source="http", locator="http://example.org/far.mp4"),
        ManifestRow(clip_id="gone", split="test", source="http", locator="http://example.org/gone.mp4"),
    ]
    source = MemorySource({"http://example.org/far.mp4": (videos / "ant.mp4").read_bytes()})
    fetch_sources(rows, store, {"http": source})
    write_manifest(HERE / "far.csv", rows, overwrite=True)
    out = str(HERE / "datasets" / "from-store")
    fingerprints["from-store"] = build_dataset(
        recipes.load_recipe("tiny.py"), rows, out, sources=HERE, store=store, workers=1
    ).fingerprint
    (HERE / "fingerprints.json").write_text(json.dumps(fingerprints, indent=1) + "\n")

    unfinished = (
        "import os, time\nfrom pathlib import Path\nfrom gifbench.build.recipe import load_recipe\n"
        "from gifbench.build.manifest import from_folder\nfrom gifbench.build.run import build_dataset\n"
        "def report(now):\n    time.sleep(0.6)\n    if now.done == 4:\n        os._exit(9)\n"
        "build_dataset(load_recipe('tiny.py'), from_folder('videos'), 'datasets/unfinished', "
        "sources=Path('videos'), workers=1, report=report)\n"
    )
    subprocess.run([PYTHON, "-c", unfinished], check=False, cwd=HERE)

    command = [PYTHON, "-m", "gifbench", "evaluate"]
    tasks = ["--data", "datasets/custom", "--task", "plain-1", "--task", "dithered-2", "--out", "results"]
    subprocess.run([*command, "gif", "gaussian-0.5", *tasks], check=True, cwd=HERE)
    with tempfile.TemporaryDirectory() as scratch:
        stops = Path(scratch, "stops.py")
        stops.write_text(
            "import os\n\nclass Stops:\n    count = 0\n\n    def restore(self, gif, times):\n"
            "        Stops.count += 1\n        if Stops.count == 3:\n            os._exit(9)\n"
            "        return gif.frames\n"
        )
        subprocess.run(
            [*command, "--method-file", f"{stops}:Stops", *tasks[:4], "--out", "interrupted"], check=False, cwd=HERE
        )

    import torch
    from gifbench.train.weights import save_weights

    torch.manual_seed(0)
    save_weights(
        HERE / "weights" / "linear.safetensors",
        torch.nn.Linear(3, 2),
        architecture={"kind": "linear"},
        about={"name": "linear"},
    )
    for left in HERE.rglob("__pycache__"):
        shutil.rmtree(left)


if __name__ == "__main__":
    main()
