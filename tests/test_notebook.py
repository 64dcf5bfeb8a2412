"""In a notebook values show themselves: the GIF plays, and nothing that a file says is taken for HTML."""

from __future__ import annotations

import base64
import io
import re
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gifbench
from gifbench import notebook
from gifbench.dataset import Dataset
from gifbench.dataset.dataframe import Outcomes, clips_table
from gifbench.dataset.dataset_clip import DatasetClip
from gifbench.dataset.row_outcomes import Outcome
from tests.conftest import moving_picture

EVIL = "<script>alert('1')</script>\"'&"


def shown(html: str) -> Image.Image:
    """The picture in a piece of HTML."""
    (found,) = re.findall(r'<img alt="[^"<>]*" src="data:image/(\w+);base64,([A-Za-z0-9+/=]+)"', html)
    return Image.open(io.BytesIO(base64.b64decode(found[1])))


def clean(html: str) -> bool:
    """Whether no tag is there but those that gifbench writes."""
    tags = set(re.findall(r"<\s*/?\s*([a-zA-Z]+)", html))
    return tags <= {"table", "thead", "tbody", "tr", "th", "td", "figure", "figcaption", "img", "p"}


def clip(num_frames: int = 4) -> gifbench.Clip:
    frames = moving_picture(num_frames, 24, 32)
    return gifbench.Clip(frames, tuple(Fraction(i, 10) for i in range(num_frames)), Fraction(num_frames, 10))


def test_a_gif_plays_as_it_is(tiny_dataset: Dataset) -> None:
    gif = tiny_dataset["bee"].gif()
    picture = shown(gif._repr_html_())
    assert (picture.format, picture.n_frames, picture.size) == ("GIF", 7, (32, 24))
    assert repr(gif) in gif._repr_html_().replace("&#x27;", "'")
    np.testing.assert_array_equal(np.asarray(picture.convert("RGB")), gif.frame(0))


def test_a_long_gif_shows_fewer_frames_and_says_so(monkeypatch: pytest.MonkeyPatch, tiny_dataset: Dataset) -> None:
    gif = tiny_dataset["bee"].gif()
    monkeypatch.setattr(sys.modules[gifbench.Gif.__module__], "_MOST_SHOWN", 3 * 24 * 32)
    assert shown(gif._repr_html_()).n_frames == 3
    assert "one frame of 3 shown" in gif._repr_html_()


def test_a_clip_plays_in_all_its_colors(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = shown(clip()._repr_html_())
    assert (picture.format, picture.n_frames) == ("WEBP", 4)
    monkeypatch.setattr("gifbench.media.clip._MOST_SHOWN", 2 * 24 * 32)
    assert shown(clip()._repr_html_()).n_frames == 2


def test_a_clip_of_a_dataset_tells_of_itself_and_plays(tiny_dataset: Dataset) -> None:
    html = tiny_dataset["ant"]._repr_html_()
    assert shown(html).n_frames == 6
    assert "6 of 32×24, 25 a second" in html
    assert clean(html)


def test_a_dataset_shows_what_it_holds(tiny_dataset: Dataset) -> None:
    html = tiny_dataset._repr_html_()
    assert tiny_dataset.fingerprint in html
    assert "2 rejected, 0 failed" in html
    assert [f">{name}<" in html for name in ("ant", "bee", "cat")] == [True] * 3
    assert clean(html)
    assert clean(tiny_dataset.outcomes._repr_html_())
    assert "too_small" in tiny_dataset.outcomes._repr_html_()


def test_everything_that_files_say_is_escaped(tiny_dataset: Dataset) -> None:
    from dataclasses import replace

    row = replace(tiny_dataset[0].row, locator=EVIL, licence=EVIL, split=EVIL)
    evil = Dataset(tiny_dataset.folder, {**tiny_dataset.about, "name": EVIL, "clips": {EVIL: 1}}, [row])
    results = gifbench.evaluate("gif", tiny_dataset, "plain-1", protocols="standard")
    renamed = gifbench.Results([results[0].model_copy(update={"task": EVIL})])
    for html in (
        evil._repr_html_(),
        DatasetClip(tiny_dataset.folder, row)._repr_html_(),
        clips_table([row] * 12),
        Outcomes([Outcome("a", "failed", EVIL, EVIL)])._repr_html_(),
        renamed._repr_html_(),
        notebook.picture(b"GIF89a", "gif", caption=EVIL),
        notebook.table([EVIL], [[EVIL]]),
        notebook.facts({EVIL: EVIL}),
        gifbench.RestoredVideo(clip().frames, clip().times, clip().duration, EVIL)._repr_html_(),
    ):
        assert "<script" not in html
        assert clean(html), html
        assert "&lt;script&gt;" in html


def test_a_damaged_clip_says_so_instead_of_raising(tiny_dataset: Dataset) -> None:
    from dataclasses import replace

    row = replace(tiny_dataset[0].row, shard="shards/none.tar")
    assert "gifbench verify" in DatasetClip(tiny_dataset.folder, row)._repr_html_()


def test_a_picture_that_is_too_large_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "MOST_BYTES", 10)
    assert "too many to show" in notebook.picture(bytes(11), "gif", caption="it")


def test_a_run_of_a_training_tells_what_to_do_next(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"step": 3, "loss": 1.5}\n')
    html = gifbench.TrainingRun(tmp_path)._repr_html_()
    assert clean(html)
    assert "resume=True" in html
