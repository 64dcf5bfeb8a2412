"""Fifty kills of drivers and workers during real builds with a fetch from a bad server.

    python benchmarks/kill_test.py [--kills 50] [--seed 1]

Drivers alone, workers alone and whole builds are killed with `kill -9` at random moments; the builds are gone on with
until they end, and each must be what an undisturbed one is: the same fingerprint and files, every clip once, every
outcome, nothing unfinished. The server stalls, truncates, lies about sizes and answers 403, 404, 429, 500 and 503.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.builder.kills import kill_until  # the tests are no package that is installed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    killed = Counter[str]()

    def report(count: int, whom: str) -> None:
        killed[whom] += 1
        print(f"\r{count} of {arguments.kills} kills", end="", file=sys.stderr, flush=True)

    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        calm, ended = kill_until(arguments.kills, Path(folder), seed=arguments.seed, report=report)
    same = sum(one == calm for one in ended)
    whom = ", ".join(f"{count} of {name}" for name, count in sorted(killed.items()))
    print(f"\n{arguments.kills} kills ({whom}) during {len(ended)} builds in {time.monotonic() - started:.0f} s")
    print(f"{same} of {len(ended)} end with the files, outcomes and fingerprint {calm.fingerprint} of a calm build")
    sys.exit(0 if same == len(ended) else 1)


if __name__ == "__main__":
    main()
