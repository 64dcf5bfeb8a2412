"""What people write on a command line and in configurations: methods, `--set` of recipes, trainings."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import gifbench_baselines
from hypothesis import strategies as st

from gifbench.builder.recipe import load_recipe
from gifbench.entry_points import RECIPES, entry_names
from gifbench.methods.registry import find_method
from gifbench.training.config import checked, read_config
from gifbench.training.trainer_interface import load_trainer
from tests.fuzz.damage import TEXTS, Draw, damaged
from tests.fuzz.target import Target, ends_well

_END = b"\0"
"""Between the arguments of a command line, which hold every byte but this one."""

_CONFIGS = Path(gifbench_baselines.__file__).parent
_NUMBERS = ("0", "1", "-1", "1e400", "nan", "-inf", "1_0", "9" * 5000, "0x" + "f" * 5000, "١", "1.5", "true")
_NESTED = ("[" * 900 + "]" * 900, "[" * 100_000, "{a={a=" * 400, '{"a":' * 900 + "1" + "}" * 900)
_VALUES = st.one_of(st.sampled_from((*_NUMBERS, *_NESTED, "null", "none", '"x"', "[1, 2]", "[[1]]", "{}", "")), TEXTS)


def _argument(data: bytes) -> str:
    """As Python gives a program its arguments."""
    return data.decode("utf-8", "surrogateescape")


def _as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass").replace(_END, b"")


def _read_method(data: bytes) -> None:
    ends_well(lambda: find_method(_argument(data.replace(_END, b""))))


def _method_seeds() -> list[bytes]:
    texts = (
        *("gif", "gaussian-0.5", "gaussian:sigma=0.7", "gaussian:sigma=0.7,device=cpu", "fcdr", "palette-smooth:n=3"),
        *("gif2video:color=gaussian:sigma=0.5,time=dis", "gif2video:color=[fcdr:a=1,b=2],time=blend", "nearest"),
        *(
            "stable:gaussian",
            "stable:[gaussian:sigma=0.7],weights=x",
            "dis",
            "superslomo:color=gif",
            "mine.py:Mine:a=1",
        ),
    )
    return [text.encode() for text in texts]


@st.composite
def _methods(draw: Draw, seeds: Sequence[bytes]) -> bytes:
    text = draw(st.sampled_from(seeds)).decode()
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(("value", "nest", "bracket", "option", "name")))
        if kind == "value":
            text = "=".join((text.rpartition("=")[0] or text, draw(_VALUES)))
        elif kind == "nest":
            text = draw(st.sampled_from(("gif2video:color={}", "stable:{}", "superslomo:[{}]"))).format(text)
        elif kind == "bracket":
            text = text.replace(draw(st.sampled_from(":=,[]")), draw(st.sampled_from(("[", "]", "[[", "", ",", ":"))))
        elif kind == "option":
            text += draw(st.sampled_from((",", ":"))) + draw(TEXTS) + "=" + draw(_VALUES)
        else:
            text = draw(TEXTS)
        text = text[:50_000]
    return draw(damaged([_as_bytes(text)], most=2))


def _read_recipe(data: bytes) -> None:
    name, *settings = (_argument(part) for part in data.split(_END))
    pairs = dict(setting.partition("=")[::2] for setting in settings)
    ends_well(lambda: load_recipe(name, pairs))


def _recipe_seeds() -> list[bytes]:
    return [_END.join((name.encode(), b"colors=16", b"jpeg=null", b"truth=source")) for name in entry_names(RECIPES)]


@st.composite
def _recipes(draw: Draw, seeds: Sequence[bytes]) -> bytes:
    name, *settings = draw(st.sampled_from(seeds)).split(_END)
    keys = ("colors", "quantizer", "kmeans_steps", "jpeg", "truth", "min_frames", "clips_per_shard", "margin", "a")
    settings += [
        f"{draw(st.sampled_from(keys))}=".encode() + _as_bytes(draw(_VALUES)) for _ in range(draw(st.integers(0, 3)))
    ]
    return draw(damaged([_END.join((name, *settings))], most=1))


def _read_config(data: bytes) -> None:
    text, *changes = data.split(_END)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "training.toml"
        path.write_bytes(text)
        config = ends_well(lambda: read_config(path, [_argument(change) for change in changes]))
    trainer = ends_well(lambda: load_trainer(config.trainer)) if config is not None else None
    if config is not None and trainer is not None:
        ends_well(lambda: checked(trainer.options_class, config.model, what="[model]"))


def _config_seeds() -> list[bytes]:
    return [path.read_bytes() + _END + b"training.steps=3" for path in sorted(_CONFIGS.glob("*/*.toml"))]


@st.composite
def _configs(draw: Draw, seeds: Sequence[bytes]) -> bytes:
    text, *changes = draw(st.sampled_from(seeds)).split(_END)
    lines = text.decode().splitlines()
    sections = tomllib.loads(text.decode())
    keys = [f"{name}.{key}" for name, inner in sections.items() if isinstance(inner, dict) for key in inner]
    for _ in range(draw(st.integers(0, 3))):
        value = draw(_VALUES)
        if draw(st.booleans()):
            at = draw(st.integers(0, len(lines) - 1))
            key = lines[at].partition("=")[0] if "=" in lines[at] else draw(TEXTS)
            lines[at] = f"{key} = {value}"
        else:
            key = draw(
                st.one_of(st.sampled_from([*keys, "trainer", "name", "data", "model.a.b", "..", "a" * 300]), TEXTS)
            )
            changes.append(_as_bytes(f"{key}={value}"))
    return draw(damaged([_END.join((_as_bytes("\n".join(lines)), *changes))], most=1))


TARGETS = (
    Target("method", _read_method, _method_seeds, _methods),
    Target("recipe", _read_recipe, _recipe_seeds, _recipes),
    Target("config", _read_config, _config_seeds, _configs),
)
