"""What a dataset is: a recipe says which clips are kept and how their pictures are cut; gifbench does the rest."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from gifbench.argument_types import check_types
from gifbench.dataset.dataset_json import Gifs, current_gifs
from gifbench.did_you_mean import known_names
from gifbench.entry_points import RECIPES, entry_names, entry_points
from gifbench.errors import NoSuchRecipe, RecipeError, Rejected, UsageError
from gifbench.manifest.rows import ManifestRow
from gifbench.media.clip import Pixels
from gifbench.media.crop_and_resize import Geometry
from gifbench.media.video import DamagedFrames, Frame, HeldPictures, LosslessCodec, Span, VideoInfo, decode, probe
from gifbench.storage import file_sha256
from gifbench.toml_file import read_toml
from gifbench.user_code_import import import_errors


@dataclass(frozen=True, slots=True)
class SourceVideo:
    """What a recipe sees of a source: its file, the span that is wanted, and what a probe tells."""

    path: Path
    span: Span
    info: VideoInfo
    deinterlace: bool = False
    tonemap: bool = False
    square_pixels: bool = True
    held: HeldPictures = field(default_factory=HeldPictures, repr=False, compare=False)
    """What `frames` decoded, so that a short span is decoded once however often it is read."""
    damaged: DamagedFrames = field(default_factory=lambda: DamagedFrames(0), repr=False, compare=False)
    """How many damaged frames may be left out, and which were."""

    def frames(self, pixels: Literal["rgb", "gray"] = "rgb") -> Iterator[Pixels]:
        """The frames of the span, uint8, RGB (H, W, 3) or gray (H, W), one at a time; they may be asked for again."""
        return (frame.pixels for frame in self._decode(pixels, self.held))

    def decode(self, pixels: Literal["rgb", "gray"] = "rgb") -> Iterator[Frame]:
        """As `frames`, with their times; converted as the recipe says."""
        return self._decode(pixels, self.held if self.held.whole else None)

    def _decode(self, pixels: Literal["rgb", "gray"], held: HeldPictures | None) -> Iterator[Frame]:
        return decode(
            self.path,
            self.span,
            pixels=pixels,
            deinterlace=self.deinterlace,
            tonemap=self.tonemap,
            square_pixels=self.square_pixels,
            held=held,
            damaged=self.damaged,
        )


class Recipe(BaseModel, ABC):
    """The parameters of a dataset, and the one decision that is its own: `geometry`.

    A subclass adds its parameters as fields, each with a description, and names itself. `--set key=value` sets any of
    them. Every parameter stands in the dataset's `dataset.json`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ClassVar[str]
    title: ClassVar[str]
    manifest: ClassVar[str | None] = None
    """The official list that is shipped with gifbench, if there is one: a file of `manifests/`."""

    code_sha256: ClassVar[str] = ""
    """Of the user's file that it comes from; empty where it is installed."""

    rules: ClassVar[Mapping[str, str]] = {}
    """The recipe's own names for what `Rejected` refuses, in small letters and _, and what each means."""

    colors: Annotated[int, Field(ge=2, le=256, description="colors in the palette of each frame")] = 32
    quantizer: Annotated[
        Literal["minimum-variance", "median-cut"], Field(description="how a frame's palette is chosen")
    ] = "minimum-variance"
    kmeans_steps: Annotated[
        int, Field(ge=0, le=100, description="steps of k-means after minimum-variance; two give about 0.2 dB")
    ] = 0
    jpeg: Annotated[
        int | None, Field(ge=1, le=100, description="JPEG quality that truth goes through first; null: lossless")
    ] = None
    truth: Annotated[
        Literal["lossless", "source"],
        Field(description="source: the packets of the source are kept, and cut and resized when they are read"),
    ] = "lossless"
    truth_codec: Annotated[
        LosslessCodec,
        Field(description="of lossless truth: utvideo is written and read five times as fast, ffv1 takes 0.81 of it"),
    ] = "utvideo"
    gifs: Annotated[
        Gifs,
        BeforeValidator(current_gifs),
        Field(description="generated: no GIFs are kept, and the very same are made of the truth when they are read"),
    ] = "stored"
    square_pixels: Annotated[
        bool, Field(description="widen or heighten videos whose pixels are not square; false: keep the stored pixels")
    ] = True
    deinterlace: Annotated[bool, Field(description="make interlaced frames whole with ffmpeg's bwdif")] = False
    tonemap: Annotated[bool, Field(description="bring HDR (PQ, HLG) to BT.709 with ffmpeg's scaler")] = False
    max_damaged: Annotated[
        int,
        Field(
            ge=0,
            description="damaged frames that a clip may lack, left out with those predicted from them; 0: it fails",
        ),
    ] = 0
    min_frames: Annotated[int, Field(ge=1, description="a clip with fewer frames is rejected as too_short")] = 1
    clips_per_shard: Annotated[int, Field(ge=1, description="manifest rows whose clips share a shard")] = 32

    before: ClassVar[Mapping[str, Any]] = {"truth_codec": "ffv1"}
    """What datasets that are older than a parameter were built with, where that is not its default now."""

    def resumed(self, recorded: Mapping[str, Any]) -> Self:
        """The recipe to go on with a dataset: with the codec that it has, unless another one was asked for."""
        codec = recorded.get("truth_codec", self.before["truth_codec"])
        if "truth_codec" in self.model_fields_set or codec not in get_args(LosslessCodec):
            return self
        return self.model_copy(update={"truth_codec": codec})

    @abstractmethod
    def geometry(self, video: SourceVideo) -> Geometry:
        """Which part of the picture is kept and at what size; raises `Rejected` for a clip that a rule refuses."""

    released_stride: ClassVar[int | None] = None
    """Which frames the released code of a paper scores, for the protocol `gif2video`: one of so many in a task that
    keeps every frame, and segments that begin every so many frames in one that does not. None: every frame, and one
    segment after the other. It stands in the dataset's `dataset.json`."""

    @classmethod
    def card_sections(cls, parameters: Mapping[str, str]) -> Mapping[str, str]:
        """Sections for the card of a dataset of this recipe: Markdown by heading, `parameters` as they stand in it.

        The section "Faces and people" takes the place of what a card says otherwise.
        """
        return {}

    def missing_span(self, row: ManifestRow) -> str:
        """What is missing where a row does not say which part of its video is meant, and what to do; "" if nothing is.

        A row without a span is its whole video. A recipe whose clips are parts of videos says here which rows are not
        to be built so; those fail as `no_span`.
        """
        return ""

    def open(self, path: Path, span: Span) -> SourceVideo:
        """A span of the video at `path`, to be converted as the recipe says; raises what `probe` raises."""
        info = probe(path, square_pixels=self.square_pixels, allow_damaged=self.max_damaged > 0)
        damaged = DamagedFrames(self.max_damaged)
        return SourceVideo(path, span, info, self.deinterlace, self.tonemap, self.square_pixels, damaged=damaged)

    def check_length(self, num_frames: int) -> None:
        """Raise `Rejected` for a clip that has too few frames; called when they have been counted."""
        if num_frames < self.min_frames:
            raise Rejected("too_short", value=f"{num_frames} frames", limit=f"at least {self.min_frames}")


def recorded_recipe(
    name: str, settings: Mapping[str, Any], *, file: str | os.PathLike[str] | None = None, place: object = ""
) -> Recipe:
    """The recipe that a file tells of, such as the `dataset.json` at `place`: an installed one, whatever `name` says.

    A name in a file never leads to code: a recipe that is not installed comes from `file`, which the user gives each
    time. Raises `RecipeError` for a recipe that is not installed, or where that in `file` has another name.
    """
    settings = {**Recipe.before, **settings}
    if file is None:
        if name not in entry_names(RECIPES) or name.endswith(".py"):
            raise RecipeError(
                f"{place}: it was built with the recipe {name[:100]!r}, which is not installed; if you trust the "
                "recipe's Python file, give it again: --recipe FILE.py"
            )
        return load_recipe(name, settings)
    kind = _from_file(Path(file))
    if kind.name != name:
        raise RecipeError(f"{place}: it was built with the recipe {name[:100]!r}, and {file} has {kind.name!r}")
    return make_recipe(kind, settings)


@check_types
def load_recipe(name: str | os.PathLike[str], settings: Mapping[str, Any] | None = None) -> Recipe:
    """The recipe called `name`, or the one in the file `name`, with some parameters set.

        gifbench.load_recipe("gif-faces", {"expand": 2.25, "colors": 64})

    A Python file (`.py`) defines a recipe of its own, and is run: `name` must come from the user; what a file says goes
    through `recorded_recipe`. A TOML file (`.toml`) names an installed recipe by `recipe = "gif-faces"`, and sets
    parameters by its other lines. Values of `settings` come before those of a file, and may be text, as they come from
    a command line. Raises `NoSuchRecipe`, a `UsageError`, for an unknown recipe with what was perhaps meant, and
    `RecipeError` for an unknown parameter or a wrong value.
    """
    name, settings = os.fspath(name), dict(settings or {})
    if name.endswith(".toml"):
        values = read_toml(name, what="recipe")
        named = values.pop("recipe", None)
        if not isinstance(named, str):
            raise UsageError(f'{name}: recipe must be the name of an installed recipe, as in recipe = "gif-faces"')
        return make_recipe(_from_entry_point(named), {**values, **settings})
    kind = _from_file(Path(name)) if name.endswith(".py") else _from_entry_point(name)
    return make_recipe(kind, settings)


def installed_recipes() -> list[Recipe]:
    """All recipes that are installed, with their defaults; one that cannot be loaded is left out."""
    found = []
    for name in entry_names(RECIPES):
        with contextlib.suppress(Exception):
            found.append(load_recipe(name))
    return found


def make_recipe(kind: type[Recipe], settings: Mapping[str, Any]) -> Recipe:
    """A recipe with some parameters set; raises `RecipeError` naming the first that is wrong."""
    unknown = [key for key in settings if key not in kind.model_fields]
    if unknown:
        near = known_names(unknown[0], kind.model_fields)
        raise RecipeError(f"recipe {kind.name} has no parameter {unknown[0][:100]!r}; {near}")
    try:
        return kind.model_validate({key: _value(value) for key, value in settings.items()})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = first["loc"][0]
        raise RecipeError(f"recipe {kind.name}: {key} is {str(settings[str(key)])[:100]!r}: {first['msg']}") from error


def _value(value: Any) -> Any:  # noqa: ANN401  # a setting may be anything that JSON may be
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _from_entry_point(name: str) -> type[Recipe]:
    found = {point.name: point for point in entry_points(group=RECIPES)}
    if name not in found:
        near = known_names(name, sorted(found))
        raise NoSuchRecipe(f"no recipe is called {name[:100]!r}; {near} (or give the path of a .py or .toml file)")
    with import_errors(f"recipe {name} ({found[name].value})", RecipeError):
        kind = found[name].load()
        if not (isinstance(kind, type) and issubclass(kind, Recipe)):
            raise RecipeError(f"{name}: {kind!r} is not a subclass of gifbench.builder.Recipe")
        return kind


def _from_file(path: Path) -> type[Recipe]:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise NoSuchRecipe(f"{path}: there is no such recipe file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise RecipeError(f"{path}: it cannot be imported ({type(error).__name__}: {error})") from error
    kinds = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Recipe) and value.__module__ == path.stem
    ]
    if len(kinds) != 1:
        raise RecipeError(f"{path}: it defines {len(kinds)} recipes, a recipe file defines one subclass of Recipe")
    kinds[0].code_sha256 = file_sha256(path)
    return kinds[0]
