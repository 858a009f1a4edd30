"""LoRA: a low-rank change of each convolution of the generator."""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from . import Setup, register, tunable
from .finetune import FineTune
from .kernels import Kernel, Reparametrisation, convolutions, reparametrise
from .rates import with_rates


@register("lora", cite="Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, ICLR 2022, arXiv:2106.09685")
@dataclass
class LoRA(FineTune):
    """Low-rank adapters on the generator's convolutions; the rest of it stays; the discriminator is fine-tuned.

    A convolution of ``out`` x (in * k * k) gets rank * (out + in * k * k) parameters (at most its full rank).
    ``rate`` multiplies the generator's learning rate.
    """

    rank: int = tunable(8, choices=(1, 2, 4, 8, 16, 32))
    rate: float = tunable(3.0, low=0.3, high=30.0, log=True)

    def prepare(self, setup: Setup) -> None:
        super().prepare(with_rates(setup, generator=self.rate))

    def adapt(self) -> None:
        torch.manual_seed(self.setup.seed("adapter-init"))
        self.generator.requires_grad_(False)
        reparametrise(convolutions(self.generator), partial(LowRankChange, rank=self.rank))


class LowRankChange(Reparametrisation):
    """W + B A (eq. 3 with alpha = rank). B starts at zero, so that the sum starts at W.

    A is drawn with the deviation of W's own entries: a step of B is then the same relative change of W on every
    backbone, equalised learning rates included.
    """

    def __init__(self, kernel: Kernel, rank: int):
        super().__init__()
        self.layout = kernel.layout
        rows, columns = kernel.layout.matrix_shape
        rank = min(rank, rows, columns)
        self.a = nn.Parameter(torch.randn(rank, columns, device=kernel.weight.device) * kernel.matrix.std())
        self.b = nn.Parameter(torch.zeros(rows, rank))

    def effective(self, weight: Tensor) -> Tensor:
        return weight + self.layout.from_matrix(self.b @ self.a)
