"""`gifsicle-lossy80` and `gifski`: programs, where they are installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from PIL import Image

from gifbench import MakerClip, MakerError, UsageError

from .ffmpeg import FfmpegMaker

TIME_LIMIT = 1800.0
"""Seconds that a program has for one GIF."""


class GifsicleMaker:
    """`lossy<N>`: `gifsicle -O3 --lossy=N` of what the maker ffmpeg-256-sierra2_4a makes."""

    variants = ("lossy80", "lossy200")
    dithered = True

    def __init__(self, variant: str) -> None:
        found = re.fullmatch(r"lossy([1-9]\d{0,2})", variant)
        if found is None or int(found[1]) > 200:
            raise UsageError(f'there is no maker "gifsicle-{variant[:60]}": name gifsicle-lossy1 to gifsicle-lossy200')
        self._lossy, self._base = int(found[1]), FfmpegMaker("256-sierra2_4a")
        self.summary = f"ffmpeg-256-sierra2_4a, then gifsicle -O3 --lossy={self._lossy}"

    @property
    def version(self) -> str:
        """Of gifsicle, and of libav."""
        how = "Debian and Ubuntu: apt install gifsicle; macOS: brew install gifsicle"
        return f"{_version(_program('gifsicle', how))}, {self._base.version}"

    def make(self, clip: MakerClip) -> bytes:
        """The GIF file."""
        with tempfile.TemporaryDirectory(prefix="gifbench-") as above:
            given, out = Path(above) / "in.gif", Path(above) / "out.gif"
            given.write_bytes(self._base.make(clip))
            _run("gifsicle", "-O3", f"--lossy={self._lossy}", str(given), "-o", str(out))
            return out.read_bytes()


class GifskiMaker:
    """gifski's own defaults, from PNG files of the frames."""

    variants = ("",)
    summary = "gifski of the default quality: palettes that go on from frame to frame, dithered"
    dithered = True
    fixed_delay = 2
    """It takes a rate, and no times: 50 frames a second."""

    def __init__(self, variant: str) -> None:
        if variant:
            raise UsageError(f'there is no maker "gifski-{variant[:60]}": gifski has no variants')

    @property
    def version(self) -> str:
        """Of gifski."""
        how = "https://gif.ski; macOS: brew install gifski; npm install -g gifski brings it, too"
        return _version(_program("gifski", how))

    def make(self, clip: MakerClip) -> bytes:
        """The GIF file."""
        with tempfile.TemporaryDirectory(prefix="gifbench-") as above:
            out = Path(above) / "out.gif"
            files = []
            for number, pixels in enumerate(clip.frames()):
                files.append(str(Path(above) / f"{number:06d}.png"))
                Image.fromarray(pixels).save(files[-1], compress_level=1)
            if len(files) == 1:  # it refuses a single picture
                files.append(str(Path(above) / "000001.png"))
                shutil.copyfile(files[0], files[1])
            size = ("--width", str(clip.width), "--height", str(clip.height))
            _run("gifski", "--quiet", "--fps", "50", *size, "-o", str(out), *files)
            return out.read_bytes()


def _program(name: str, how: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise MakerError(f"makers {name} need the program {name}, which is not installed. Install it ({how})")
    return found


@cache
def _version(program: str) -> str:
    try:
        told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=60).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MakerError(f"{program} cannot be run ({error}); install it anew") from error
    found = re.search(r"(gifsicle|gifski) (\d\S*)", told, re.IGNORECASE)
    if found is None:
        raise MakerError(f"{program} --version says {told[:80]!r}: it is another program")
    return f"{found[1].lower()} {found[2]}"


def _run(*command: str) -> None:
    try:
        subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=TIME_LIMIT
        )
    except FileNotFoundError as error:
        raise MakerError(f"makers {command[0]} need the program {command[0]}, which is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise MakerError(f"{command[0]} took longer than {TIME_LIMIT:g} s for one GIF") from error
    except subprocess.CalledProcessError as error:
        said = " ".join((error.stderr or error.stdout or "").split())[-300:]
        raise MakerError(
            f"{command[0]} ended with the exit code {error.returncode}: {said or 'it said nothing'}"
        ) from error
