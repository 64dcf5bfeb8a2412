"""A dataset's card, as dataset hubs show it: `README.md` with their YAML header, a picture, and Croissant metadata.

The card is written when it is asked for and not by the build: a build's folder is a function of its rows and sources,
while a card says where and when a dataset is published, shows people's faces, and may be edited by hand. `verify` does
not know its files.

Names and licences come from outside: each stands on one line, cut and escaped. The YAML header is written as JSON
strings, which YAML reads as such.
"""

from __future__ import annotations

import io
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from gifbench.dataset.columns import INDEX_SCHEMA
from gifbench.dataset.croissant import PAPER, croissant
from gifbench.dataset.dataset_clip import DatasetClip
from gifbench.dataset.dataset_reader import Dataset
from gifbench.entry_points import installed_recipe
from gifbench.errors import AlreadyExists, NotFound, UsageError
from gifbench.media.clip import Pixels
from gifbench.progress import Progress, ProgressCallback, silent

CARD, SAMPLE, CROISSANT = "README.md", "sample.webp", "croissant.json"
_MOST_LICENCES = 50
_LINE_CHARACTERS = 200

_SAMPLED_CLIPS = 3
_SAMPLE_WIDTH, _SAMPLE_HEIGHT = 384, 288
"""The largest part of a frame that the picture shows, in pixels; it is not scaled, or the dots would be gone."""
_GAP = 8

_HUB_LICENCE = re.compile(r"CC[ -]BY(-NC)?(-SA|-ND)?[ -]([1-4]\.0)", re.IGNORECASE)
_HUB_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_URL = re.compile(r"https?://[^\s<>\"'`\\]{1,500}")

_PEOPLE_HEADING = "Faces and people"
_PEOPLE = """\
Faces were not looked for: people appear as they do in the sources, neither blurred nor cut out. No property of a person
is recorded beyond what the locator of the source says. Do not use it to identify people. A clip that has to go is
left out of the manifest, and the dataset is built again.
"""


def write_card(
    dataset: Dataset,
    *,
    url: str = "",
    published: str = "",
    picture: bool = True,
    overwrite: bool = False,
    progress: ProgressCallback = silent,
) -> list[str]:
    """Write `README.md`, `croissant.json` and, with `picture`, `sample.webp` beside `dataset.json`; their names.

    `url` is where the dataset is published, `published` the day as YYYY-MM-DD. The same dataset and arguments give the
    same bytes. Raises `AlreadyExists` if one of the files is there, unless `overwrite`; `UsageError` for a `url` or day
    that is none; `DatasetDamaged` if a clip for the picture cannot be read.
    """
    if url and not _URL.fullmatch(url):
        raise UsageError(f"{url!r} is no address: it begins with https:// and has no spaces or quotes")
    try:
        _ = published and date.fromisoformat(published)
    except ValueError:
        raise UsageError(f"{published!r} is no day: write it as 2026-08-31") from None
    folder = dataset.folder
    there = [name for name in (CARD, CROISSANT, SAMPLE) if folder.exists(name)]
    if there and not overwrite:
        raise AlreadyExists(f"{folder.place(there[0])}: it is there already; --overwrite replaces it")
    number = min(_SAMPLED_CLIPS, len(dataset)) if picture else 0
    # Evenly spread over the names.
    chosen = [dataset[len(dataset) * (2 * i + 1) // (2 * number)] for i in range(number)]
    drawn = _sample_picture(chosen, progress=progress) if chosen else None
    about = {"title": _line(_title(dataset)), "description": _description(dataset), "licence": _licence(dataset)}
    files = {
        SAMPLE: drawn,
        CROISSANT: croissant(dataset, **about, url=url, published=published),
        CARD: card(dataset, chosen).encode(),
    }
    for name, data in files.items():
        if data is None:
            folder.delete(name)  # of a card that had a picture
        else:
            folder.write(name, data)
    return [name for name, data in files.items() if data is not None]


def _sample_picture(clips: Sequence[DatasetClip], *, progress: ProgressCallback) -> bytes:
    """WebP: a row a clip, with the middle frame of the truth and both GIFs, on white."""
    bands = []
    for done, clip in enumerate(clips):
        progress(Progress(done, len(clips), clip.clip_id))
        middle = clip.num_frames // 2
        frames = [
            clip.truth_frames([middle])[0],
            *(clip.gif_frames([middle], dithered=d).frame(0) for d in (False, True)),
        ]
        bands.append(np.hstack([_whitened(_center(frame), right=_GAP, below=_GAP) for frame in frames]))
    progress(Progress(len(clips), len(clips)))
    width = max(band.shape[1] for band in bands)
    sheet = np.vstack([_whitened(band, right=width - band.shape[1]) for band in bands])
    file = io.BytesIO()
    Image.fromarray(sheet[:-_GAP, :-_GAP]).save(file, "WEBP", quality=95, method=4)
    return file.getvalue()


def _whitened(picture: Pixels, *, right: int, below: int = 0) -> Pixels:
    return np.pad(picture, ((0, below), (0, right), (0, 0)), constant_values=255)


def _center(frame: Pixels) -> Pixels:
    """The middle of a frame, (H, W, 3) uint8, cut to the largest size that the picture shows."""
    height, width = frame.shape[:2]
    top, left = max(0, height - _SAMPLE_HEIGHT) // 2, max(0, width - _SAMPLE_WIDTH) // 2
    return frame[top : top + _SAMPLE_HEIGHT, left : left + _SAMPLE_WIDTH]


def outdated(dataset: Dataset) -> bool:
    """Whether the dataset has a card of another state of it: clips came or went since, or were made anew."""
    try:
        return dataset.fingerprint.encode() not in dataset.folder.read(CROISSANT)
    except NotFound:
        return False


def card(dataset: Dataset, sample: list[DatasetClip]) -> str:
    """The text of `README.md`, with the clips that its picture shows."""
    about = dataset.about
    parts = [f"---\n{_header(dataset)}---\n", f"# {_escaped(_title(dataset))}\n", _description(dataset) + "\n"]
    if sample:
        names = ", ".join(f"`{_code(clip.clip_id)}`" for clip in sample)
        parts.append(
            f"![Frames of the truth, of the plain and of the dithered GIF]({SAMPLE})\n\nFrom left to right: truth, "
            f"GIF, dithered GIF; from top to bottom the middle frames of {names}, not scaled.\n"
        )
    splits = [(split, int(clips), int(about["frames"][split])) for split, clips in sorted(about["clips"].items())]
    rows = "".join(f"| {_escaped(split)} | {clips:,} | {frames:,} |\n" for split, clips, frames in splits)
    total = f"| all | {sum(row[1] for row in splits):,} | {sum(row[2] for row in splits):,} |\n"
    recipe = "".join(
        f"| {_escaped(key)} | {_escaped(json.dumps(value, ensure_ascii=False))} |\n"
        for key, value in sorted(about["recipe"].items())
    )
    parts += [
        f"## Statistics\n\n| split | clips | frames |\n|:--|--:|--:|\n{rows}{total}\n"
        f"{about['bytes'] / 1e6:,.1f} MB in all. The fingerprint is `{_code(dataset.fingerprint)}`; results carry it.\n"
        + _outcomes(about),
        _OPENING.format(members=_MADE_GIFS if _makes_gifs(dataset) else _ALL_MEMBERS),
        f"## How it was made\n\nBy gifbench, recipe `{_code(dataset.name)}`:\n\n"
        f"| parameter | value |\n|:--|:--|\n{recipe}",
        *(f"## {_escaped(heading)}\n\n{text.strip()}\n" for heading, text in _sections(dataset).items()),
        f"## Licences\n\n{_licences(dataset)}",
        f"## Citation\n\n{PAPER}\n",
    ]
    return "\n".join(parts)


_ALL_MEMBERS = """\
A clip is four members of a tar: `<clip_id>.truth.mkv` (lossless, unless the recipe says `truth=source`), `.plain.gif`,
`.dithered.gif` and `.json`."""
_MADE_GIFS = """\
A clip is two members of a tar: `<clip_id>.truth.mkv` (lossless, unless the recipe says `truth=source`) and `.json`. Its
GIFs are made of the truth when gifbench reads them, and held against the sha256 in the index; other tools see none of
them. `gifbench repack PATH --out WITH_GIFS --gifs stored` writes the dataset with them."""
_OPENING = f"""\
## Opening it

{{members}}
`index.parquet` has a row a clip and says where each member lies.

```python
import datasets

clips = datasets.load_dataset("PATH")  # the members; a path, or the name on the hub
for split in clips.values():
    for clip in split:
        clip["__key__"], clip["json"]["frames"]  # the clip's id and its row of the index
        clip["truth.mkv"]  # the file's bytes
index = datasets.load_dataset("parquet", data_files="PATH/index.parquet")  # the table
```

WebDataset reads `shards/*.tar`, DuckDB, polars and pandas read `index.parquet`, mlcroissant `{CROISSANT}`, and
gifbench the whole: `gifbench.open_dataset("PATH")`.
"""


def _title(dataset: Dataset) -> str:
    return str(dataset.about.get("title", dataset.name))


def _description(dataset: Dataset) -> str:
    about = dataset.about
    clips, frames = sum(about["clips"].values()), sum(about["frames"].values())
    return (
        f"{clips:,} clips, {frames:,} frames: each clip as lossless video and as two GIFs made from it, one without "
        "and one with dithering. For methods that turn GIFs back into video: color dequantization and frame "
        "interpolation."
    )


def _header(dataset: Dataset) -> str:
    """The YAML header: what hubs filter by, and where the splits are.

    Only the shards are a configuration: `datasets` reads all those of a folder with one reader.
    """
    splits = sorted({row.split for row in dataset.rows})
    clips = [{"split": split, "path": f"shards/{split}-*.tar"} for split in splits]
    licence = _licence(dataset)
    values: dict[str, Any] = {
        "pretty_name": _line(_title(dataset)),
        "license": licence,
        **({"license_name": "of-each-clip"} if licence == "other" else {}),
        "task_categories": ["image-to-image", "image-to-video"],
        "size_categories": [next((name for top, name in _HUB_SIZES if len(dataset) < top), "n>1M")],
        "tags": ["gif", "video-restoration", "color-dequantization", "frame-interpolation", "webdataset", "gifbench"],
        "configs": [{"config_name": "clips", "default": True, "data_files": clips}],
        # Without it the types are guessed from five clips, and a later one with uneven times would not fit them.
        "dataset_info": [{"config_name": "clips", "features": _features(dataset)}],
    }
    return "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())


def _makes_gifs(dataset: Dataset) -> bool:
    """Whether the shards hold no GIFs."""
    return any("plain" not in row.stored for row in dataset.rows)


def _features(dataset: Dataset) -> list[dict[str, Any]]:
    """The members of a clip as Hugging Face `datasets` declares them."""
    gifs = [] if _makes_gifs(dataset) else ["plain.gif", "dithered.gif"]
    about = [
        {"name": column.name, "list": str(column.type.value_type)}
        if pa.types.is_list(column.type)
        else {"name": column.name, "dtype": {"double": "float64"}.get(str(column.type), str(column.type))}
        for column in INDEX_SCHEMA
        if column.name != "shard" and not column.name.endswith("_offset")
    ]
    return [
        # Bytes: to read a row of a column of videos takes a package of its own, which few have.
        {"name": "truth.mkv", "dtype": "binary"},
        *({"name": name, "dtype": "image"} for name in gifs),
        {"name": "json", "struct": about},
        {"name": "__key__", "dtype": "string"},
        {"name": "__url__", "dtype": "string"},
    ]


def _licence(dataset: Dataset) -> str:
    """The hub's name of the licence that all clips have, or "other"."""
    licences = {row.licence for row in dataset.rows}
    match = _HUB_LICENCE.fullmatch(licences.pop()) if len(licences) == 1 else None
    return match[0].lower().replace(" ", "-") if match else "other"


def _licences(dataset: Dataset) -> str:
    counted = Counter(row.licence for row in dataset.rows)
    common = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    rows = "".join(
        f"| {_escaped(name) if name else '(none is recorded)'} | {n:,} |\n" for name, n in common[:_MOST_LICENCES]
    )
    more = f"\nand {len(common) - _MOST_LICENCES:,} more.\n" if len(common) > _MOST_LICENCES else ""
    return (
        "Each clip stays under the licence of its source; the column `licence` of the index says it clip by clip, as "
        f"the manifest had it.\n\n| licence | clips |\n|:--|--:|\n{rows}{more}"
    )


def _outcomes(about: Mapping[str, Any]) -> str:
    rejected, failed = (sum(about["outcomes"][key].values()) for key in ("rejected", "failed"))
    official = sum(about.get("official", {}).values())
    of = f" The official list has {official:,} clips." if official else ""
    return (
        f"{about['wanted']:,} clips were asked for; {about['outcomes']['built']:,} are here, {rejected:,} were "
        f"rejected by the recipe's rules, {failed:,} could not be had.{of}\n"
    )


def _sections(dataset: Dataset) -> dict[str, str]:
    """What the installed recipe of the dataset says in its card, and what is said of people where it says nothing."""
    recipe = installed_recipe(dataset.name)
    if recipe is None:
        return {_PEOPLE_HEADING: _PEOPLE}
    parameters = {str(key): _code(str(value)) for key, value in dataset.about["recipe"].items()}
    return {_PEOPLE_HEADING: _PEOPLE, **recipe.card_sections(parameters)}


def _line(text: str) -> str:
    """`text` on one line, without characters that are not seen, at most 200 characters."""
    seen = "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(c)[0] == "C" else c for c in " ".join(text.split())
    )
    return seen if len(seen) <= _LINE_CHARACTERS else f"{seen[: _LINE_CHARACTERS - 1]}…"


def _escaped(text: str) -> str:
    """`text` as it looks, in Markdown: no markup, no HTML, no cell of a table ends."""
    marked = re.sub(r"([\\`*_{}\[\]()#+!~$])", r"\\\1", _line(text))
    return re.sub(r"[|<>&@]", lambda match: f"&#{ord(match[0])};", marked)


def _code(text: str) -> str:
    """`text` between backticks."""
    return _line(text).replace("`", "'")
