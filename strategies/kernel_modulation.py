"""AdAM: find out which of the source's kernels matter for the target; modulate those and fine-tune the others."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..bench import parallel
from ..bench.errors import UserError
from . import register, to_float, tunable
from .averaging import MovingAverage
from .finetune import FineTune
from .kernels import Kernel, Reparametrisation, convolutions, kernels, plain_buffers, reparametrise

FISHER_SAMPLES = 64


@register("kernel-modulation", cite="Zhao et al., Adaptation-Aware Kernel Modulation, NeurIPS 2022, arXiv:2210.16559")
@dataclass
class KernelModulation(FineTune):
    """Kernels that matter for the target stay frozen under a rank-1 modulation; the others are fine-tuned (AdAM).

    The first ``probing`` share of the steps is a probe: all kernels of both networks are frozen and only their
    modulations are trained. A kernel (the filter of one output channel) matters as much as the Fisher information of
    its modulation. Then the probe is thrown away, and adaptation starts from the source with the most important share
    ``kept`` of each network's kernels. Linear layers are fine-tuned then; biases, normalisation and noise strengths
    stay the source's throughout.
    """

    probing: float = tunable(0.2, low=0.05, high=0.5, most=0.99)
    kept: float = tunable(0.5, low=0.1, high=0.9, most=1.0)

    def adapt(self) -> None:
        if self.setup.steps < 2:
            raise UserError("kernel-modulation needs two steps: one to probe with, and one to adapt")
        self.probed = [ProbedNetwork(self.generator), ProbedNetwork(self.discriminator)]

    def generator_parameters(self) -> Iterable[nn.Parameter]:
        return self.probed[0].parameters()

    def discriminator_parameters(self) -> Iterable[nn.Parameter]:
        return self.probed[1].parameters()

    def trainable_count(self) -> int:
        return super().trainable_count() - sum(probed.fixed_count() for probed in self.probed)

    def step(self, real: Tensor) -> dict[str, Tensor]:
        for probed in self.probed:
            probed.tune_weights(self.steps_done >= self.probing_steps)
        losses = super().step(real)
        if self.steps_done == self.probing_steps:  # now, or an evaluation would see the probe's last network
            self.end_probe()
        return losses

    @property
    def probing_steps(self) -> int:
        return min(max(1, round(self.probing * self.setup.steps)), self.setup.steps - 1)

    def end_probe(self) -> None:
        """Mark the important kernels and put everything else back to the source."""
        source = self.setup.source
        losses = (self.one_generator_loss, self.one_discriminator_loss)
        origins = (source.make_generator(), source.make_discriminator())
        self.generator.eval()
        self.discriminator.eval()
        importance = [probed.importance(loss) for probed, loss in zip(self.probed, losses, strict=True)]
        for probed, fisher, origin in zip(self.probed, importance, origins, strict=True):
            probed.restart(fisher, self.kept, origin)
        self.generator.train()
        self.discriminator.train()
        self.average = MovingAverage(self.generator, self.setup.optimisation.ema_half_life_kimg)
        self.generator_optimiser.state.clear()
        self.discriminator_optimiser.state.clear()

    def one_generator_loss(self) -> Tensor:
        return self.setup.backbone.generator_loss(self.discriminator(self.generator(self.latents(1))))

    def one_discriminator_loss(self) -> Tensor:
        count = (parallel.processes(),)
        shot = parallel.own(torch.randint(len(self.setup.shots), count, generator=self.rng, device=self.setup.device))
        with torch.no_grad():
            fake = self.generator(self.latents(1))
        real_logits = self.discriminator(to_float(self.setup.shots[shot]))
        return self.setup.backbone.discriminator_loss(real_logits, self.discriminator(fake))


class ProbedNetwork:
    """The weights and modulations of a network."""

    def __init__(self, network: nn.Module):
        self.network = network.requires_grad_(False)
        self.weights: list[nn.Parameter] = [kernel.weight for kernel in kernels(network)]  # pyright: ignore
        self.modulations = reparametrise(convolutions(network), Modulation)

    def parameters(self) -> list[nn.Parameter]:
        return [*self.weights, *(p for modulation in self.modulations for p in modulation.parameters())]

    def fixed_count(self) -> int:
        """How many entries of the parameters the marks fix: a kernel's weights, or its modulation."""
        return sum(modulation.fixed_count() for modulation in self.modulations)

    def tune_weights(self, on: bool) -> None:
        for weight in self.weights:
            weight.requires_grad_(on)

    def importance(self, loss: Callable[[], Tensor]) -> Tensor:
        """The Fisher information of each kernel's own modulation: mean squared gradient of the loss of one image."""
        modulations = [modulation.u for modulation in self.modulations]
        total = torch.zeros(sum(len(u) for u in modulations), device=modulations[0].device)
        for _ in range(FISHER_SAMPLES):
            total += torch.cat(torch.autograd.grad(loss(), modulations)).square()
        parallel.average([total])  # each process saw images of its own, but all must keep the same kernels
        return total / FISHER_SAMPLES

    @torch.no_grad()
    def restart(self, importance: Tensor, kept: float, origin: nn.Module) -> None:
        """Modulations that change nothing, the share ``kept`` of the kernels marked, statistics as in ``origin``."""
        marks = importance >= importance.quantile(1 - kept)
        parts = marks.split([len(modulation.u) for modulation in self.modulations])
        for modulation, kernels_kept in zip(self.modulations, parts, strict=True):
            modulation.u.zero_()
            modulation.v.fill_(1)
            modulation.kept.copy_(kernels_kept)
        for buffer, start in zip(plain_buffers(self.network), origin.buffers(), strict=True):
            buffer.copy_(start)


class Modulation(Reparametrisation):
    """W (1 + u v^T) with W frozen for the kernels that are ``kept``, W itself and trainable for the others."""

    kept: Tensor

    def __init__(self, kernel: Kernel):
        super().__init__()
        self.layout = kernel.layout
        out, inputs = kernel.layout.channels
        self.u = nn.Parameter(torch.zeros(out))
        self.v = nn.Parameter(torch.ones(inputs))
        self.register_buffer("kept", torch.ones(out, dtype=torch.bool))

    def fixed_count(self) -> int:
        kept = int(self.kept.sum())
        return kept * self.layout.matrix_shape[1] + len(self.u) - kept

    def effective(self, weight: Tensor) -> Tensor:
        kernels = self.layout.to_matrix(weight).unflatten(1, (len(self.v), -1))
        modulated = kernels.detach() * (1 + torch.outer(self.u, self.v))[:, :, None]
        return self.layout.from_matrix(torch.where(self.kept[:, None, None], modulated, kernels).flatten(1))
