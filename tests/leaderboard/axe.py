"""axe-core in the tests' browser: the rules of accessibility that a machine can check."""

from __future__ import annotations

from importlib.metadata import files
from pathlib import Path

from tests.leaderboard.chromium import Chromium


def serious_findings(browser: Chromium) -> list[str]:
    """What axe-core calls serious or critical on the page that is open: rule, and the elements that break it.

    Without `preload`, which fetches style sheets and sound for two experimental rules that are off.
    """
    (script,) = [file for file in files("axe-core-python") or [] if file.name == "axe.min.js"]
    if not browser.js("typeof axe === 'object'"):
        browser.js(Path(str(script.locate())).read_text(encoding="utf-8") + ";0")
    return browser.js(
        "axe.run({ resultTypes: ['violations'], preload: false }).then(found => found.violations"
        ".filter(one => ['serious', 'critical'].includes(one.impact))"
        ".map(one => `${one.id}: ${one.nodes.slice(0, 3).map(node => node.html.slice(0, 160)).join(' | ')}`))"
    )
