"""Any text makes a safe file name and a line that can be shown."""

from __future__ import annotations

import re
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from gifbench.leaderboard.safe_names import slug, visible

HOSTILE = ["", "../../x", "a/b\\c", "<script>", "x" * 300, "\u202eevil\u202c", "CON", "名前", "\udcff", "a\x00b", "."]


def test_slugs_are_safe_short_and_different():
    slugs = [slug(text) for text in HOSTILE]
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]{1,48}", each) for each in slugs)
    assert len(set(slugs)) == len(HOSTILE)


def test_slugs_differ_by_key_and_keep_the_name():
    assert slug("gaussian", key="1") != slug("gaussian", key="2")
    assert slug("Gaussian σ=0.5").startswith("gaussian-0-5-")


@settings(max_examples=50, deadline=None)
@given(st.text(), st.integers(10, 80))
def test_what_is_shown_is_one_short_line_of_seen_characters(text, limit):
    shown = visible(text, limit=limit)
    assert 0 < len(shown) <= max(limit, len("(no name)"))
    assert all(unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in shown)
    assert visible(shown, limit=limit) == shown


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_any_text_makes_a_safe_slug(text):
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{1,48}", slug(text))


def test_a_long_name_keeps_both_ends():
    shown = visible("begin" + "x" * 300 + "end:sigma=2", limit=40)
    assert len(shown) == 40
    assert shown.startswith("begin") and shown.endswith("sigma=2") and "…" in shown
