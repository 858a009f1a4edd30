"""Scale and shift: adapt the statistics of the generator's channels and nothing else."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..bench.errors import UserError
from . import Setup, register, tunable
from .finetune import FineTune
from .kernels import Kernel, Reparametrisation, kernels, reparametrise
from .rates import with_rates

NORMALISATIONS = nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm
STYLE_AFFINE = "modulation"


@register("scale-shift", cite="Noguchi and Harada, Image Generation From Small Datasets, ICCV 2019, arXiv:1904.01774")
@dataclass
class ScaleShift(FineTune):
    """Only the scales and shifts of the generator's normalisation are trained, adversarially (BSA's parametrisation).

    In a generator without normalisation layers the affine maps from style to channel scales stand for them, as in
    FreezeD's ``only_adain``. ``on``: the discriminator is fine-tuned whole (``g``), or it too trains one scale and
    one shift per channel only (``both``; its biases are the shifts). ``rate`` multiplies the learning rate of scales
    and shifts.
    """

    on: str = tunable("g", choices=("g", "both"))
    rate: float = tunable(10.0, low=1.0, high=100.0, log=True)

    def prepare(self, setup: Setup) -> None:
        super().prepare(with_rates(setup, generator=self.rate, discriminator=self.rate if self.on == "both" else 1.0))

    def adapt(self) -> None:
        self.generator.requires_grad_(False)
        for parameter in scales_and_shifts(self.generator):
            parameter.requires_grad_(True)
        if self.on == "both":
            self.discriminator.requires_grad_(False)
            reparametrise(kernels(self.discriminator), ChannelScale)
            for name, parameter in self.discriminator.named_parameters():
                if name.endswith("bias"):
                    parameter.requires_grad_(True)


def scales_and_shifts(generator: nn.Module) -> list[nn.Parameter]:
    """The affine parameters of the normalisation layers, or else of the style modulation."""
    norms = [module for module in generator.modules() if isinstance(module, NORMALISATIONS)]
    styles = [module for name, module in generator.named_modules() if name.rpartition(".")[2] == STYLE_AFFINE]
    found = [parameter for module in norms or styles for parameter in module.parameters()]
    if not found:
        raise UserError(f"scale-shift: {type(generator).__name__} has no normalisation and no style modulation")
    return found


class ChannelScale(Reparametrisation):
    """Each row of the weight times a scale that starts at one."""

    def __init__(self, kernel: Kernel):
        super().__init__()
        self.layout = kernel.layout
        self.scale = nn.Parameter(torch.ones(kernel.layout.channels[0], 1))

    def effective(self, weight: Tensor) -> Tensor:
        return self.layout.from_matrix(self.scale * self.layout.to_matrix(weight))
