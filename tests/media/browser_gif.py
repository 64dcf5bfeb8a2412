"""What Chromium shows of a GIF, frame by frame: its ImageDecoder (WebCodecs), in a page of our own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from tests.leaderboard.chromium import Chromium

PAGE = """<!doctype html><meta charset="utf-8"><input type="file" multiple><script>
async function show(file) {
  const answer = {frames: [], error: null, width: 0, height: 0, plays: 1};
  try {
    const data = await file.arrayBuffer();
    const decoder = new ImageDecoder({data, type: "image/gif", colorSpaceConversion: "none"});
    await decoder.tracks.ready; await decoder.completed;
    const track = decoder.tracks.selectedTrack;
    answer.plays = track.repetitionCount;
    for (let frameIndex = 0; frameIndex < track.frameCount; frameIndex++) {
      const {image} = await decoder.decode({frameIndex, completeFramesOnly: false});
      answer.width = image.codedWidth; answer.height = image.codedHeight;
      const pixels = new Uint8Array(image.allocationSize({format: "RGBA"}));
      await image.copyTo(pixels, {format: "RGBA"});
      const words = new Uint32Array(pixels.buffer);
      for (let i = 0; i < words.length; i++) if (!(words[i] >>> 24)) words[i] = 0;
      const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", pixels));
      answer.frames.push({
        sha256: Array.from(hash, b => b.toString(16).padStart(2, "0")).join(""),
        microseconds: image.duration});
      image.close();
    }
    decoder.close();
  } catch (error) { answer.error = String(error); }
  return answer;
}
async function showAll() {
  const answers = [];
  for (const file of document.querySelector("input").files) answers.push(await show(file));
  return JSON.stringify(answers);
}
</script>"""


class Shown(NamedTuple):
    """A decoded animation: `sha256` of each frame's RGBA, with zeros where it is see-through; its length in µs."""

    width: int
    height: int
    frames: list[dict[str, object]]
    error: str | None
    plays: float | None


def open_page(browser: Chromium, folder: Path) -> None:
    """Open the page that decodes; it must be a file, because only there the browser lets it."""
    (folder / "decoder.html").write_text(PAGE, encoding="utf-8")
    browser.open((folder / "decoder.html").as_uri())


def shown(browser: Chromium, paths: list[Path]) -> list[Shown]:
    """What the browser shows of GIFs, in their order; it reads the files, as if a person had chosen them."""
    chosen = browser.send("Runtime.evaluate", expression="document.querySelector('input')")["result"]["objectId"]
    answers = []
    for i in range(0, len(paths), 20):  # few, so that it answers within its time on a busy machine
        browser.send("DOM.setFileInputFiles", objectId=chosen, files=[str(path) for path in paths[i : i + 20]])
        answers += json.loads(browser.js("showAll()"))
    return [Shown(one["width"], one["height"], one["frames"], one["error"], one["plays"]) for one in answers]
