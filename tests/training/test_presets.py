"""Trainings by name: every configuration that comes along has one, can be read, and a wrong name is answered."""

from __future__ import annotations

import pytest

from gifbench.errors import NotFound
from gifbench.training.config import read_config
from gifbench.training.presets import config_path, presets
from tests.conftest import answer, invoke


def test_every_training_has_a_name_of_its_own_a_summary_and_can_be_read():
    found = presets()
    assert len({preset.name for preset in found}) == len(found) >= 20
    assert {"ccdnet-1", "ccdnet-2", "ccdnet-small", "superslomo-small", "stabilizer-small"} <= {p.name for p in found}
    for preset in found:
        assert preset.summary and preset.trainer and preset.steps > 0, preset
        assert read_config(config_path(preset.name)).trainer == preset.trainer


def test_a_path_stays_a_path_and_a_wrong_name_is_answered():
    assert config_path("my/own.toml").name == "own.toml"
    with pytest.raises(NotFound, match='did you mean "ccdnet-1"'):
        config_path("ccdnet1")
    with pytest.raises(NotFound, match=r"; choose from: .*, superslomo-small\. gifbench train --list describes them"):
        config_path("zzz")


def test_the_list_is_shown_without_a_dataset_and_the_command_says_what_it_lacks():
    names = [each["name"] for each in answer("train", "--list")]
    assert "ccdnet-small" in names
    told = invoke("train", "ccdnet-1")
    assert told.exit_code == 2
    assert "gifbench train --list" in told.stderr
