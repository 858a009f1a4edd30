"""A clock for training steps: what the device worked, without evaluation, checkpoints and plots."""

import time
from types import TracebackType

import torch


class Clock:
    """``with clock:`` adds the time of the block to ``seconds``, also when it ends with an exception.

    On a GPU the time is between two CUDA events in the stream of the work, so that it is the device's own; the end
    waits for the second one. On a CPU it is the monotonic clock.
    """

    def __init__(self, device: torch.device):
        self.device = device
        self.seconds = 0.0

    def __enter__(self) -> None:
        if self.device.type == "cuda":
            self._first = torch.cuda.Event(enable_timing=True)
            self._second = torch.cuda.Event(enable_timing=True)
            self._first.record(torch.cuda.current_stream(self.device))
        else:
            self._started = time.perf_counter()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        if self.device.type == "cuda":
            self._second.record(torch.cuda.current_stream(self.device))
            self._second.synchronize()
            self.seconds += self._first.elapsed_time(self._second) / 1000
        else:
            self.seconds += time.perf_counter() - self._started
