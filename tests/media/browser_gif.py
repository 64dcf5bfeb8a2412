"""What Chromium shows of a GIF, frame by frame: its ImageDecoder (WebCodecs), in a page of our own."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import NamedTuple

from tests.leaderboard.chromium import Chromium

PAGE = """<!doctype html><meta charset="utf-8"><script>
let pieces = [];
async function show() {
  const data = Uint8Array.from(atob(pieces.join("")), c => c.charCodeAt(0));
  pieces = [];
  const answer = {frames: [], error: null, width: 0, height: 0, plays: 1};
  try {
    const decoder = new ImageDecoder({data, type: "image/gif", colorSpaceConversion: "none"});
    await decoder.tracks.ready; await decoder.completed;
    const track = decoder.tracks.selectedTrack;
    answer.plays = track.repetitionCount;
    answer.count = track.frameCount;
    for (let frameIndex = 0; frameIndex < track.frameCount; frameIndex++) {
      const {image, complete} = await decoder.decode({frameIndex, completeFramesOnly: false});
      answer.width = image.codedWidth; answer.height = image.codedHeight;
      const pixels = new Uint8Array(image.allocationSize({format: "RGBA"}));
      await image.copyTo(pixels, {format: "RGBA"});
      const words = new Uint32Array(pixels.buffer);
      for (let i = 0; i < words.length; i++) if (!(words[i] >>> 24)) words[i] = 0;
      const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", pixels));
      answer.frames.push({
        sha256: Array.from(hash, b => b.toString(16).padStart(2, "0")).join(""),
        microseconds: image.duration, complete,
        pixels: pixels.length <= KEEP ? btoa(String.fromCharCode(...pixels)) : null});
      image.close();
    }
  } catch (error) { answer.error = String(error); }
  return JSON.stringify(answer);
}
</script>"""

_KEEP = 4096
"""Bytes of a frame up to which its pixels come along."""

_PIECE = 1 << 20


class Shown(NamedTuple):
    """A decoded animation: `sha256` of each frame's RGBA, with zeros where it is see-through; its length in µs."""

    width: int
    height: int
    frames: list[dict[str, object]]
    error: str | None
    plays: float | None


def open_page(browser: Chromium, folder: Path) -> None:
    """Open the page that decodes; it must be a file, because only there the browser lets it."""
    (folder / "decoder.html").write_text(PAGE.replace("KEEP", str(_KEEP)), encoding="utf-8")
    browser.open((folder / "decoder.html").as_uri())


def shown(browser: Chromium, data: bytes) -> Shown:
    """What the browser shows of a GIF."""
    text = base64.b64encode(data).decode()
    for at in range(0, len(text), _PIECE):
        browser.js(f"pieces.push('{text[at : at + _PIECE]}'), 0")
    answer = json.loads(browser.js("show()"))
    return Shown(answer["width"], answer["height"], answer["frames"], answer["error"], answer["plays"])
