"""What happened since the last line of the log: the means of the losses, and where the time went."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch

from gifbench.devices import synchronize


class Meter:
    """Sums of what was noted since the last line, on the device, so that no step waits for it."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._begin = time.monotonic()
        self._spent = {"loader": 0.0, "metrics": 0.0}
        self._steps = 0
        self._sums: dict[str, torch.Tensor | float] = {}
        self._counts: dict[str, int] = {}
        self._bad = torch.zeros((), dtype=torch.bool, device=device)

    def add(self, loss: torch.Tensor, parts: Mapping[str, torch.Tensor | float]) -> None:
        """Note one update."""
        self._bad = self._bad | ~torch.isfinite(loss)
        for name, value in parts.items():
            now = value.detach() if isinstance(value, torch.Tensor) else value
            self._sums[name] = self._sums.get(name, 0.0) + now
            self._counts[name] = self._counts.get(name, 0) + 1

    def stepped(self) -> None:
        """Note the end of a step."""
        self._steps += 1

    @contextmanager
    def waiting_for(self, what: str) -> Iterator[None]:
        """Count the time in the block as waiting for the `loader` or the `metrics`."""
        begin = time.monotonic()
        yield
        self._spent[what] += time.monotonic() - begin

    @property
    def finite(self) -> bool:
        """Whether all losses were."""
        return not bool(self._bad)

    def means(self) -> dict[str, float]:
        """The mean of each part over its updates."""
        return {name: float(total) / self._counts[name] for name, total in self._sums.items()}

    def speed(self) -> dict[str, float]:
        """Steps a second, and the shares of the time that went into waiting for samples, validation and the rest.

        Work on a GPU is counted as the device's, because the CPU waits for it only where a value is read.
        """
        synchronize(str(self._device))
        took = max(time.monotonic() - self._begin, 1e-9)
        shares = {name: spent / took for name, spent in self._spent.items()}
        return {"steps_per_second": self._steps / took, **shares, "device": 1 - sum(shares.values())}
