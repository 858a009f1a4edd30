"""FSGAN: adapt the singular values of the weights and leave their singular vectors."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from . import Setup, register, tunable
from .finetune import FineTune
from .kernels import Kernel, Reparametrisation, kernels, reparametrise
from .rates import with_rates


@register("svd", cite="Robb et al., Few-Shot Adaptation of Generative Adversarial Networks, 2020, arXiv:2010.11943")
@dataclass
class SVD(FineTune):
    """Only the singular values of the weights of both networks are trained (FSGAN).

    Each weight, as a matrix of (out) x (in * k * k), has min(out, in * k * k) of them. Biases and normalisation keep
    the source's values. ``rate`` multiplies both learning rates.
    """

    rate: float = tunable(3.0, low=0.3, high=30.0, log=True)

    def prepare(self, setup: Setup) -> None:
        super().prepare(with_rates(setup, generator=self.rate, discriminator=self.rate))

    def adapt(self) -> None:
        for network in (self.generator, self.discriminator):
            network.requires_grad_(False)
            reparametrise(kernels(network), SingularValues)


class SingularValues(Reparametrisation):
    """W = U diag(s) V, computed as the change from the source's s, so that unchanged values give W exactly."""

    left: Tensor
    right: Tensor
    start: Tensor

    def __init__(self, kernel: Kernel):
        super().__init__()
        self.layout = kernel.layout
        left, values, right = torch.linalg.svd(kernel.matrix, full_matrices=False)
        self.register_buffer("left", left)
        self.register_buffer("right", right)
        self.register_buffer("start", values)
        self.values = nn.Parameter(values.clone())

    def effective(self, weight: Tensor) -> Tensor:
        return weight + self.layout.from_matrix(self.left * (self.values - self.start) @ self.right)
