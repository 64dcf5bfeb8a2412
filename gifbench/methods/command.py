"""A method that is a program, in any language: `./my_program {gif} {out}`.

Each GIF is handed over in a folder of its own, with the exact times beside it; what the program leaves in `{out}` is
read like a stranger's. The program never sees the truth, and is not fenced in beyond what is said here: who runs it
trusts it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from gifbench.child_processes import end_strays, guard_group, guarded_folder
from gifbench.errors import MethodFailed, UsageError, storage_errors
from gifbench.media.clip import Pixels
from gifbench.media.gif import Gif
from gifbench.method_source_hash import source_code
from gifbench.methods.frame_files import WantedFrames, find_frames, given_frames
from gifbench.methods.loaded_method import MethodInfo
from gifbench.methods.method_from_class import joint_sha256
from gifbench.methods.method_state_hash import content_sha256, full_option
from gifbench.methods.registry import LoadedMethod
from gifbench.storage import file_sha256
from gifbench.text_redaction import displayed, is_there, redact

TIME_LIMIT = 600.0
"""Seconds that a program has for one GIF, unless said otherwise."""

_NAMED = re.compile(r"(?P<name>\w[\w.+-]{0,63})=(?P<command>.+)", re.DOTALL)
_FIELDS = {"{gif}": "in.gif", "{out}": "out", "{times}": "times.json"}
_TAIL_BYTES = 4096


def load_method_command(text: str, *, time_limit: float = TIME_LIMIT) -> LoadedMethod:
    """A program as a method: `./my_program {gif} {out}`, or `NAME=./my_program {gif} {out}` to name it.

    The command is split as a shell would, and run without one. `{gif}` becomes the GIF's path, `{out}` that of an empty
    folder for `00000.png` and so on (or write `{out}.mkv`, FFV1 in RGB), `{times}` that of a JSON file with the times
    that are wanted and the GIF's own, exact, in seconds. Words that name a file here become whole paths, because the
    program runs in the folder of its GIF. `time_limit` is in seconds a GIF.

    Raises `UsageError` for a command that cannot be, or whose program is not there.
    """
    named = _NAMED.fullmatch(text)
    command = named["command"] if named else text
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--method-command {command[:80]!r} cannot be split into words: {error}") from error
    if not words:
        raise UsageError("--method-command is empty: write ./my_program {gif} {out}")
    for needed in ("{gif}", "{out}"):
        if not any(needed in word for word in words):
            raise UsageError(f"--method-command {command[:80]!r} has no {needed}: write ./my_program {{gif}} {{out}}")
    if not 0 < time_limit < float("inf"):
        raise UsageError(f"the time limit must be more than 0 seconds, got {time_limit}")
    files = [Path(word) for word in words if not any(each in word for each in _FIELDS) and Path(word).is_file()]
    whole = [str(Path(word).absolute()) if Path(word) in files else word for word in words]
    program = shutil.which(whole[0])
    if program is None:
        raise UsageError(f"--method-command: there is no program {words[0][:80]!r} that can be run")
    stem = re.sub(r"[^\w.+-]+", "-", (files or [Path(program)])[-1].stem).strip("-.+")[:64]
    code, unknown = _code(Path(program), files, words)
    known = [{"sha256": content_sha256(word)} if Path(word) in files else full_option(word)[0] for word in words]
    return LoadedMethod(
        name=named["name"] if named else stem or "command",
        origin="a command",
        method=_Program((program, *whole[1:]), time_limit),
        options={"command": redact(" ".join(str(displayed(word)) for word in words))[:300]},
        declared=MethodInfo(),
        code_sha256=code,
        weights_sha256=None,
        source=("command", f"{time_limit!r} {text}"),
        full_options={"command": known},
        unknown=unknown,
    )


def _code(program: Path, files: Sequence[Path], words: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The sha256 of a command's own files, with what Python scripts among them import, and why that is not all.

    A Python script can be followed, and a program of one's own is its content. Another interpreter, a shell script or
    a tool of the system may start or read anything.
    """
    sources = {path: source_code(str(path)) for path in files if path.suffix == ".py"}
    unknown = [why for source in sources.values() for why in source.unknown]
    starts_python = re.fullmatch(r"python[\d.]*", program.name) is not None
    if starts_python and not (len(words) > 1 and Path(words[1]) == next(iter(sources), None)):
        unknown.append("what python runs is in no file of the command")
    elif not starts_python and (program not in files and program.resolve() not in [path.resolve() for path in files]):
        unknown.append(f"{program.name} may start or read anything")
    elif not starts_python and program.suffix != ".py" and _is_script(program):
        unknown.append(f"{program.name} is a script that may start anything")
    for word in words:
        if not any(each in word for each in _FIELDS) and "=" in word and is_there(word.partition("=")[2]):
            unknown.append(f"what lies at {displayed(word.partition('=')[2])} is not part of the command's files")
    digests = [source.sha256 for path in files if (source := sources.get(path)) and source.sha256]
    digests += [file_sha256(path) for path in files if path not in sources]
    return joint_sha256(*digests) or file_sha256(program), tuple(dict.fromkeys(unknown))


def _is_script(program: Path) -> bool:
    with storage_errors(program), program.open("rb") as file:
        return file.read(2) == b"#!" or b"\0" not in file.read(1024)


@dataclass(frozen=True, slots=True)
class _Program:
    command: tuple[str, ...]
    time_limit: float

    def restore(self, gif: Gif, times: Sequence[Fraction]) -> Iterator[Pixels]:
        with tempfile.TemporaryDirectory(prefix="gifbench-") as above, guarded_folder(Path(above)):
            place = Path(above) / "work"
            (place / "out").mkdir(parents=True)
            gif.write(place / "in.gif")
            about = {
                "times": [str(time) for time in times],
                "gif_times": [str(time) for time in gif.times],
                "gif_duration": str(gif.duration),
                "width": gif.width,
                "height": gif.height,
            }
            (place / "times.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
            self._run(place)
            _check_inside(Path(above))
            wanted = WantedFrames("out", len(times), gif.height, gif.width)
            if (place / "out.mkv").exists() and not any((place / "out").iterdir()):
                (place / "out").rmdir()
            found = find_frames(place, wanted)
            if found is None:
                raise MethodFailed("it left neither the folder {out} nor {out}.mkv")
            yield from given_frames(found, wanted)

    def _run(self, place: Path) -> None:
        words = list(self.command)
        for each, file in _FIELDS.items():
            words = [word.replace(each, str(place / file)) for word in words]
        said = place.parent / "said.txt"
        environment = os.environ | {"TMPDIR": str(place), "PWD": str(place)}
        with said.open("wb") as output:
            try:
                program = subprocess.Popen(
                    words,
                    cwd=place,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # one group, so that what it starts ends with it
                )
            except OSError as error:
                raise MethodFailed(f"the program cannot be started: {error.strerror}") from error
            guard_group(place.parent, program.pid)
            try:
                code = program.wait(self.time_limit)
            except subprocess.TimeoutExpired:
                raise MethodFailed(
                    f"it took longer than the limit of {self.time_limit:g} seconds and was ended"
                ) from None
            finally:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(program.pid, signal.SIGKILL)
                program.wait()
                end_strays(place)
        if code:
            how = f"ended with the exit code {code}" if code > 0 else f"was ended by signal {-code}"
            raise MethodFailed(f"it {how}{_last_words(said)}")


def _check_inside(above: Path) -> None:
    """What is written beside the program's folder is the one trespass that can be seen from here."""
    trespass = sorted(path.name for path in above.iterdir() if path.name not in ("work", "said.txt"))
    if trespass:
        raise MethodFailed(f"it wrote outside of its folder: ../{trespass[0][:80]}")
    if (above / "work").is_symlink() or not (above / "work").is_dir():
        raise MethodFailed("it replaced its folder by something else")


def _last_words(said: Path) -> str:
    with said.open("rb") as file:
        file.seek(max(0, said.stat().st_size - _TAIL_BYTES))
        lines = file.read().decode("utf-8", "replace").split("\n")
    shown = ["".join(c if c.isprintable() else " " for c in line).strip() for line in lines]
    last = next((line for line in reversed(shown) if line), "")
    return f", its last words: {last[:300]}" if last else ""
