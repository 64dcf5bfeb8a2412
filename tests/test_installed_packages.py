"""Modules are traced to the packages that brought them."""

from __future__ import annotations

from importlib.metadata import packages_distributions

import pytest

from gifbench.installed_packages import package_names


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_the_packages_of_a_module_are_those_that_python_names(step):
    found = packages_distributions()
    for module, packages in [*found.items()][::step]:
        assert package_names(module) == set(packages), module
    assert package_names("no_such_module_anywhere") == set()
