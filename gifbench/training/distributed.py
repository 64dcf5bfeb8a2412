"""One process, or several that train the same network side by side, each on its share of every batch.

Several are started by `accelerate launch --num_processes N -m gifbench train …`; one needs no accelerate. What all must
decide alike, such as when to stop, is asked for here, so that none waits for another for ever.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import nn

from gifbench.errors import MissingExtra


class Processes:
    """The processes of this training: how many, and which is this one."""

    def __init__(self, device: str) -> None:
        self._accelerator: Any = None
        self.device = torch.device(device)
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            try:
                from accelerate import Accelerator
            except ImportError as error:
                raise MissingExtra("accelerate", extra="train", wanted_for="training in several processes") from error
            self._accelerator = Accelerator(cpu=device == "cpu", mixed_precision="no")
            self.device = self._accelerator.device
        self.count: int = 1 if self._accelerator is None else self._accelerator.num_processes
        self.rank: int = 0 if self._accelerator is None else self._accelerator.process_index

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and says what there is to say."""
        return self.rank == 0

    def share(self, numbers: range) -> range:
        """The part of the numbers of a batch's samples that this process sees."""
        return numbers[self.rank :: self.count]

    def joined(self, network: nn.Module) -> nn.Module:
        """The network as it is to be called: its gradients become the means over all processes (torch's DDP)."""
        if self._accelerator is None:
            return network
        prepared: nn.Module = self._accelerator.prepare(network)
        return prepared

    def average(self, tensors: Iterable[torch.Tensor | None]) -> None:
        """Make tensors the means over all processes, in place: what is not called through `joined`."""
        if self._accelerator is not None:
            for tensor in tensors:
                if tensor is not None and tensor.is_floating_point():
                    torch.distributed.all_reduce(tensor)
                    tensor.div_(self.count)

    def any(self, flags: Sequence[bool]) -> list[bool]:
        """For each flag whether it is raised in any process."""
        if self._accelerator is None:
            return list(flags)
        raised = torch.tensor([float(flag) for flag in flags], device=self.device)
        torch.distributed.all_reduce(raised, op=torch.distributed.ReduceOp.MAX)
        return [bool(value) for value in raised.tolist()]

    def close(self) -> None:
        """Wait for all, then leave them."""
        if self._accelerator is not None:
            self._accelerator.wait_for_everyone()
            self._accelerator.end_training()
            if torch.distributed.is_initialized():  # which accelerate may have done
                torch.distributed.destroy_process_group()
