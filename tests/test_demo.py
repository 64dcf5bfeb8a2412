"""The demo, with two clips of a video and only the GIF scored: run again, it says that it reuses what is there."""

from __future__ import annotations

from dataclasses import replace

from gifbench import demo


def test_run_again_it_reuses_the_scores_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "METHODS", {"plain-1": ("gif",)})
    monkeypatch.setattr(demo, "_PARTS", tuple(replace(part, clips=2) for part in demo._PARTS))
    first: list[str] = []
    again: list[str] = []
    made = demo.run_demo(tmp_path, workers=1, progress=lambda now: first.append(now.message))
    assert demo.run_demo(tmp_path, workers=1, progress=lambda now: again.append(now.message)).page == made.page
    assert [line for line in first if "plain-1: scored gif in " in line and "gif-" in line]
    assert not [line for line in first if "reused" in line]
    assert [line for line in again if line.endswith("plain-1: scores reused")]
    assert not [line for line in again if "scored" in line]
