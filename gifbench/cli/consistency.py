"""`gifbench consistency`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gifbench.cli.shared_options import Json, MaxPixels, Salvage, gif_advice, gif_limits
from gifbench.cli.terminal_text import say, say_json
from gifbench.did_you_mean import known_names
from gifbench.errors import UsageError

if TYPE_CHECKING:
    from gifbench.media.flow import FlowMethod


def consistency(
    processed: Annotated[Path, typer.Argument(help="The processed video or GIF: restored, colorized, stylized.")],
    source: Annotated[Path, typer.Option(help="The video that it was made from, whose motion is measured.")],
    frames: Annotated[int | None, typer.Option(min=2, help="Only the first N frames.")] = None,
    flow: Annotated[str, typer.Option(help="How motion is found: dis (OpenCV's, no weights) or raft.")] = "dis",
    flow_weights: Annotated[Path | None, typer.Option(help="torchvision's file of RAFT, .pth or safetensors.")] = None,
    max_pixels: MaxPixels = None,
    salvage: Salvage = False,
    as_json: Json = False,
) -> None:
    """Measure how steady a processed video is: its warping error, beside the source's own, and tOF."""
    from gifbench.evaluation.consistency_of_two_files import measure_consistency
    from gifbench.media.flow import optical_flow

    if flow not in ("dis", "raft"):
        raise UsageError(f"--flow {flow}: {known_names(flow, ('dis', 'raft'))}")
    if flow == "dis" and flow_weights is not None:
        raise UsageError("--flow-weights are RAFT's: give --flow raft, too")
    find: FlowMethod = optical_flow
    by = "OpenCV DIS"
    if flow == "raft":
        from gifbench.media.raft import Raft

        raft = Raft(flow_weights)
        find, by = raft, raft.name
    with gif_advice():
        measured = measure_consistency(
            processed, source, frames=frames, flow=find, limits=gif_limits(max_pixels), salvage=salvage
        )
    (made,) = measured.others
    if as_json:
        about = {"frames": measured.frames, "pairs": measured.pairs, "seen": measured.seen, "flow": by}
        say_json({**about, "e_warp": made.warp_error, "source_e_warp": measured.truth_warp_error, "tof": made.tof})
        return
    say(f"E_warp  {_shown(made.warp_error)}  of {processed}")
    say(f"E_warp  {_shown(measured.truth_warp_error)}  of {source}")
    say(f"tOF     {made.tof:8.4f}  pixels")
    say(f"{measured.frames} frames, {100 * measured.seen:.1f}% of the pixels seen in both frames of a pair; flow: {by}")
    say("Blurring lowers E_warp, too: read it beside the source's own and beside PSNR or SSIM.")


def _shown(error: float | None) -> str:
    """E_warp in thousandths, as tables print it."""
    return f"{'–':>8}" if error is None else f"{1000 * error:8.4f}·10⁻³"
