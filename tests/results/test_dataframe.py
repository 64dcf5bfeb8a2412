"""Numbers of a table of results as people read them."""

from __future__ import annotations

import pytest

from gifbench.results.dataframe import speed_text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (17234.6, "17,235"), (4650, "4,650"), (740.4, "740"), (99.94, "99.9"), (0.5, "0.5")],
)
def test_frames_a_second_are_no_powers_of_ten(value: float | None, text: str) -> None:
    assert speed_text(value) == text
