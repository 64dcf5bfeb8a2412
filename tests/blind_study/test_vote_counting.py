"""A study is blind, the same each time, and counted as statistics books say; strange files are refused in one line."""

from __future__ import annotations

import json
import random
import re

import numpy as np
import pytest
from PIL import Image

from gifbench.blind_study.study_pages import StudyKey, make_study
from gifbench.blind_study.vote_counting import _sign_test, _wilson, preferences, read_choices, read_key
from gifbench.errors import AlreadyExists, NotFound, ResultsError, UsageError
from gifbench.methods.registry import load_method
from gifbench.results.significance import holm_corrected
from tests.leaderboard.factories import FINGERPRINT, SmallClip

METHODS = ("gif", "gaussian-0.5", "gaussian:sigma=2.0")


class Named(SmallClip):
    def __init__(self, name, seed):
        super().__init__(seed=seed)
        self.clip_id = name


class Dataset:
    name, fingerprint = "gif-faces", FINGERPRINT

    def split(self, name):
        return [Named(f"secret-clip-{i}", i) for i in range(4)] if name == "test" else []


def study(out, methods=METHODS, **options):
    return make_study([load_method(name) for name in methods], Dataset(), "plain-1", out, **options)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("study") / "study"
    return out, study(out, pairs=9, seed=3, question="Which <b>one</b>?")


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_page_says_nothing_of_methods_and_clips(made):
    out, key = made
    for name, content in files(out / "page").items():
        for secret in (*METHODS[1:], "gaussian", "sigma", "secret-clip", FINGERPRINT):
            assert secret not in name and (name.endswith(".webp") or secret.encode() not in content)
        assert name == "index.html" or re.fullmatch(r"films/[0-9a-f]{16}\.0\.webp", name)
        if name.endswith(".webp"):
            with Image.open(out / "page" / name) as image:
                assert not {"exif", "xmp", "comment"} & image.info.keys()
    assert key.methods == METHODS
    assert len({path.stat().st_mtime for path in (out / "page").rglob("*")}) == 1


def test_the_question_is_text(made):
    text = (made[0] / "page" / "index.html").read_text()
    assert "Which &lt;b&gt;one&lt;/b&gt;?" in text and "<b>one" not in text


def test_the_films_are_what_the_key_says_to_the_pixel(made):
    out, key = made
    clips = {clip.clip_id: clip for clip in Dataset().split("test")}
    for pair in key.pairs:
        assert pair.methods[0] != pair.methods[1]
        for film, method in zip((pair.first, pair.second), pair.methods, strict=True):
            if key.methods[method] == "gif":
                clip = clips[pair.clip]
                with Image.open(out / "page" / "films" / f"{film}.0.webp") as image:
                    first = image.convert("RGB").crop((0, 0, clip.width, clip.height))
                assert first.tobytes() in [frame.tobytes() for frame in clip.gif().frames]


def test_every_two_methods_are_shown_about_equally_often_and_no_pair_twice(made):
    key = made[1]
    shown = [(pair.clip, frozenset(pair.methods)) for pair in key.pairs]
    assert len(set(shown)) == 9
    counts = [sum(methods == two for _, methods in shown) for two in {methods for _, methods in shown}]
    assert len(counts) == 3 and max(counts) - min(counts) <= 1


def test_the_same_seed_gives_the_same_study_and_another_one_another(made, tmp_path):
    out, _ = made
    study(tmp_path / "same", pairs=9, seed=3, question="Which <b>one</b>?")
    assert files(tmp_path / "same") == files(out)
    other = study(tmp_path / "other", pairs=9, seed=4)
    assert {pair.first for pair in other.pairs}.isdisjoint(pair.first for pair in made[1].pairs)


def test_a_study_needs_two_methods_and_clips_and_never_replaces_what_came_back(tmp_path):
    for methods in (("gif",), ("gif", "gif")):
        with pytest.raises(UsageError, match="two different methods"):
            study(tmp_path / "s", methods)
    with pytest.raises(UsageError, match="the split train has 0 clips"):
        study(tmp_path / "s", split="train")
    study(tmp_path / "s", pairs=1)
    with pytest.raises(AlreadyExists, match="--overwrite"):
        study(tmp_path / "s", pairs=1)
    (tmp_path / "s" / "choices-1.json").touch()
    with pytest.raises(AlreadyExists, match=r"holds choices-1\.json"):
        study(tmp_path / "s", pairs=1, overwrite=True)


def answers(key: StudyKey, session: str, choose, participant=""):
    """A file of choices: `choose(names of the two methods)` gives the preferred one, or None."""
    dice = random.Random(session)
    choices = []
    for pair in key.pairs:
        sides = [(pair.first, key.methods[pair.methods[0]]), (pair.second, key.methods[pair.methods[1]])]
        dice.shuffle(sides)
        preferred = choose([name for _, name in sides])
        chosen = {sides[0][1]: "left", sides[1][1]: "right", None: "none"}[preferred]
        choices.append({"pair": pair.pair, "left": sides[0][0], "right": sides[1][0], "chosen": chosen, "seconds": 2.5})
    return {
        "gifbench_choices": 1,
        "study": key.study,
        "session": session * 16,
        "participant": participant,
        "choices": choices,
    }


def write(folder, **contents):
    folder.mkdir(exist_ok=True)
    for name, content in contents.items():
        (folder / f"{name}.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def test_preferences_are_counted_whatever_the_sides(made, tmp_path):
    out, key = made
    likes = METHODS.index
    sharp = lambda names: min(names, key=likes)  # noqa: E731
    place = write(
        tmp_path / "c", a=answers(key, "a", sharp), b=answers(key, "b", sharp), c=answers(key, "c", lambda names: None)
    )
    found = preferences(read_key(out), read_choices(key, [place])[0])
    assert [each.methods for each in found] == [METHODS[:2], (METHODS[0], METHODS[2]), METHODS[1:]]
    assert all((each.preferred, each.undecided) == ((6, 0), 3) for each in found)
    assert all((each.people, each.clips, each.share) == (3, 3, 5 / 6) for each in found)
    assert all(each.ci95[0] < 0.6 and 0.95 < each.ci95[1] <= 1 for each in found)
    assert [each.p_value for each in found] == pytest.approx([3 * 2 / 2**6] * 3)


def test_one_person_gives_an_interval_too_and_one_session_counts_once(made, tmp_path):
    _, key = made
    whole = answers(key, "a", lambda names: names[0])
    part = {**whole, "choices": whole["choices"][:2]}
    people, _ = read_choices(key, [write(tmp_path / "c", early=part, whole=whole, copy=whole)])
    assert len(people) == 1 and len(people[0].choices) == 9
    for each in preferences(key, people):
        assert 0 <= each.ci95[0] < each.share < each.ci95[1] <= 1 or each.share in (0, 1)


def test_statistics_are_those_of_scipy():
    from scipy import stats  # half a second, which every worker would take to collect the tests

    for wins, losses, ties in [(8, 2, 3), (0, 7, 0), (5, 5, 1), (30, 11, 0), (0, 0, 4)]:
        votes = [("p", "c", value) for value, n in ((1.0, wins), (0.0, losses), (0.5, ties)) for _ in range(n)]
        expected = stats.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
        assert _sign_test(votes) == pytest.approx(expected, abs=1e-12)
    for wins, count in [(0, 4), (7, 10), (50, 50), (123, 400)]:
        expected = stats.binomtest(wins, count).proportion_ci(method="wilson")
        assert _wilson(wins / count, count) == pytest.approx((expected.low, expected.high), abs=1e-6)
    assert holm_corrected(np.array([0.01, 0.04, 0.03, 0.5])) == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert holm_corrected(np.array([])).tolist() == []


def hostile(key):
    good = answers(key, "a", lambda names: names[0])
    first = good["choices"][0]
    changed = lambda **more: {**good, "choices": [{**first, **more}]}  # noqa: E731
    return {
        "half": json.dumps(good)[:200],
        "deep": "[" * 100_000,
        "nothing": "null",
        "later": {**good, "gifbench_choices": 2},
        "other": {**good, "study": "0" * 16},
        "session": {**good, "session": "../../etc/passwd"},
        "long": {**good, "participant": "x" * 300},
        "more": {**good, "\x1b[31mextra\n": 1},
        "film": changed(left="f" * 16),
        "swapped": changed(left=first["left"], right=first["left"]),
        "answer": changed(chosen="<script>"),
        "time": '{"gifbench_choices": 1, "choices": [{"seconds": NaN}]}',
        "twice": {**good, "choices": [first, first]},
    }


def test_strange_files_are_refused_in_one_line_each_and_the_others_are_counted(made, tmp_path):
    _, key = made
    strange = hostile(key)
    place = write(tmp_path / "c", **strange, good=answers(key, "b", lambda names: names[0]))
    (place / "large.json").write_bytes(b" " * (5 << 20))
    people, errors = read_choices(key, [place])
    assert len(people) == 1
    assert len(errors) == len(strange) + 1
    assert all(str(error).isprintable() and len(str(error)) < 400 and "<script>" not in str(error) for error in errors)
    with pytest.raises(NotFound, match="no choices are here"):
        read_choices(key, [place / "none.json"])


def test_a_key_that_is_missing_or_was_changed_is_said(made, tmp_path):
    out, _ = made
    with pytest.raises(NotFound, match="no study is here"):
        read_key(tmp_path)
    content = json.loads((out / "key.json").read_text())
    for change, message in (
        ({"gifbench_study": 2}, "of a later gifbench"),
        ({"methods": ["gif"]}, "changed by hand"),
        ({"pairs": [{"pair": "x"}]}, "not the key of a study"),
    ):
        (tmp_path / "key.json").write_text(json.dumps({**content, **change}))
        with pytest.raises(ResultsError, match=message):
            read_key(tmp_path)


def test_a_pipe_among_the_choices_is_not_waited_for(tmp_path):
    import os

    from gifbench.blind_study.vote_counting import _bytes

    os.mkfifo(tmp_path / "choices.json")
    with pytest.raises(ResultsError, match="no regular file"):
        _bytes(tmp_path / "choices.json")
