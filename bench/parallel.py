"""One training on several processes (torchrun, or ``followers``): each takes a slice of every batch.

All processes draw the same random numbers for the whole batch and keep their own slice (every n-th image), so that
the training is the one-process training of the same batch, up to the order of additions. (Augmentations draw the
same on every process, for its slice.) With one process every function here does nothing.

An exception: a layer that looks at groups of images, as StyleGAN2's minibatch statistics at groups of four, sees the
groups of the one-process batch only if each process's part is a multiple of the group (``images_seen_together`` of
the backbone).
"""

import datetime
import os
from collections.abc import Iterable

import torch
from torch import Tensor, distributed, nn
from torch.distributed.nn.functional import all_reduce

TIMEOUT = datetime.timedelta(days=1)
"""The other processes wait in an exchange while the first measures, which may take longer than torch's default of 10
(NCCL) or 30 minutes (Gloo). The cell's own time limit ends what hangs."""


def is_launched() -> bool:
    """Whether torchrun started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def join(device: torch.device) -> None:
    """Meet the other processes: NCCL between GPUs, Gloo between CPUs."""
    if is_launched() and not distributed.is_initialized():
        if device.type == "cuda":
            torch.cuda.set_device(device.index or 0)
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=TIMEOUT)


def leave() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()


def local_device(device: torch.device) -> torch.device:
    """The GPU of this process; a CPU is shared."""
    if is_launched() and device.type == "cuda":
        return torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    return device


def processes() -> int:
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """0 to ``processes() - 1``; the process of rank 0 measures and writes."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def wait() -> None:
    """Until all processes are here."""
    if processes() > 1:
        distributed.barrier()


def any_of(flag: bool) -> bool:
    """Whether ``flag`` is set on any process, the same answer for all."""
    if processes() == 1:
        return flag
    flags: list[bool] = [False] * processes()
    distributed.all_gather_object(flags, flag)
    return any(flags)


def own(whole: Tensor) -> Tensor:
    """This process's slice of a tensor for the whole batch."""
    return whole if processes() == 1 else whole[rank() :: processes()]


def gather(part: Tensor) -> Tensor:
    """The whole batch, in its order, of every process's slice."""
    if processes() == 1:
        return part
    parts = [torch.empty_like(part) for _ in range(processes())]
    distributed.all_gather(parts, part.contiguous())
    return torch.stack(parts, dim=1).flatten(0, 1)


@torch.no_grad()
def average(tensors: Iterable[Tensor]) -> None:
    """Replace each tensor by its mean over the processes, in one exchange."""
    if processes() == 1:
        return
    tensors = list(tensors)
    flat = torch.cat([t.reshape(-1) for t in tensors])
    distributed.all_reduce(flat)
    flat /= processes()
    for tensor, mean in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
        tensor.copy_(mean.view(tensor.shape))


def synchronise_batch_norm(network: nn.Module) -> None:
    """Let the BatchNorm layers of ``network`` take their statistics over the whole batch."""
    if processes() == 1:
        return
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and not isinstance(module, _WholeBatchNorm2d):
            module.__class__ = _WholeBatchNorm2d


class _WholeBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm over all processes; unlike ``SyncBatchNorm`` also on a CPU.

    In float32 at least, also under autocast. The mean is exchanged before the squared deviations from it: the mean of
    the squares less the square of the mean cancels where a channel is nearly constant.
    """

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        with torch.autocast(input.device.type, enabled=False):
            return self._normalise(input.to(torch.promote_types(input.dtype, torch.float32))).to(input.dtype)

    def _normalise(self, x: Tensor) -> Tensor:
        count = x.numel() // x.shape[1] * processes()
        mean = all_reduce(x.sum((0, 2, 3))) / count
        deviation = x - mean[:, None, None]
        variance = all_reduce(deviation.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            assert self.running_mean is not None and self.running_var is not None
            assert self.num_batches_tracked is not None and self.momentum is not None
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
            self.num_batches_tracked.add_(1)
        scale = self.weight * (variance + self.eps).rsqrt()
        return deviation * scale[:, None, None] + self.bias[:, None, None]
