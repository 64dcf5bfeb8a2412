r"""GIFs as people make them: what every method that needs no training, and `ccdnet`, gains on every maker's GIFs.

    python benchmarks/makers.py data/kept-back [--clips 8] [--frames 2] [--crop 224] [--makers NAME …]

The dataset is the kept-back one of weights_by_kind.py: no clip of it was trained on. Each clip's GIF is made whole by
the maker; --frames frames of it are restored and scored under the protocol "standard", spread evenly, in a square of
--crop in the middle. `plain` and `dithered` are the dataset's own GIFs. A row is a maker: the GIF's PSNR, then what
each method gains in dB, the mean over the clips and, in brackets, the least of any clip. The gaussian's sigma is the
best of 0.3 to 2.0 on the very clips of the row, an advantage that no method has. Makers whose program is not installed
are named. Rows are printed as they are done.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from statistics import fmean

import cv2
import numpy as np
from classical import Clips, Shot, frame_psnr, one_frame_gif, places, restorer, rounded
from weights_by_kind import middle

from gifbench import DatasetClip, Pixels, load_method, open_dataset, run_method
from gifbench.gif_maker_registry import list_makers

METHODS = (
    *("best gaussian", "fcdr", "fcdr-tuned", "palette-smooth", "undither", "ffmpeg-deband", "ffmpeg-gradfun"),
    "ccdnet",
)


def own_and_made(names: Sequence[str]) -> list[str]:
    """The dataset's own two kinds, and every maker that can be used here, or those of `names`."""
    listed = {each.name: each for each in list_makers()}
    for each in listed.values():
        if each.problem is not None and not names:
            print(f"not run: {each.name} ({each.problem})")
    return list(names) or ["plain", "dithered", *(name for name, each in listed.items() if each.problem is None)]


def shots_of(clip: DatasetClip, maker: str, *, count: int, crop: int) -> list[Shot]:
    """Some frames of a clip and of its GIF, the square in the middle of each."""
    chosen = places(clip, count)
    rows, columns = middle((clip.height, clip.width), crop)
    if maker in ("plain", "dithered"):
        gif = clip.gif_frames(chosen, dithered=maker == "dithered")
    else:
        gif = clip.gif_frames(chosen, maker=maker)
    truth = clip.truth_frames(chosen)
    return [Shot(truth[i][rows, columns], gif.frame(i)[rows, columns], gif.palettes[i]) for i in range(len(chosen))]


def restored(name: str, part: Clips) -> dict[str, list[Pixels]]:
    """Each shot as the method restores it, alone."""
    if name == "best gaussian":
        best = restorer(name, part)[1]
        return {clip: [rounded(best(shot)) for shot in each] for clip, each in part.items()}
    method, found = load_method(name), {}
    for clip, each in part.items():
        found[clip] = []
        for shot in each:
            gif = one_frame_gif(shot.shown, shot.palette)
            batches = run_method(method, gif, gif.times, clip=clip, device="cpu")
            found[clip] += [rounded(np.asarray(frame)) for batch in batches for frame in batch]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--frames", type=int, default=2)
    parser.add_argument("--crop", type=int, default=224)
    parser.add_argument("--makers", nargs="*", default=[])
    parser.add_argument("--methods", nargs="*", default=list(METHODS))
    given = parser.parse_args()
    cv2.setNumThreads(1)
    every = list(open_dataset(given.dataset).split("test"))
    clips = [every[i * len(every) // given.clips] for i in range(min(given.clips, len(every)))]
    print(f"{len(clips)} clips: {', '.join(clip.clip_id for clip in clips)}\n")
    makers = own_and_made(given.makers)
    print(f"\n| maker | GIF | {' | '.join(given.methods)} |\n{'|---' * (2 + len(given.methods))}|", flush=True)
    for maker in makers:
        begun = time.process_time()
        part = {clip.clip_id: shots_of(clip, maker, count=given.frames, crop=given.crop) for clip in clips}
        made = time.process_time() - begun
        base = {clip: fmean(frame_psnr(shot.shown, shot) for shot in each) for clip, each in part.items()}
        cells = ""
        for name in given.methods:
            found = restored(name, part)
            gains = [
                fmean(frame_psnr(frame, shot) for frame, shot in zip(found[clip], each, strict=True)) - base[clip]
                for clip, each in part.items()
            ]
            cells += f" {fmean(gains):+.2f} ({min(gains):+.2f}) |"
        frames = sum(clip.num_frames for clip in clips)
        print(f"| `{maker}` | {fmean(base.values()):.2f} |{cells}", flush=True)
        print(f"  {maker}: {1000 * made / frames:.0f} ms of processor time a frame, decoding included", flush=True)


if __name__ == "__main__":
    main()
