"""CDC: keep the source's distances between images while the images change."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..bench import parallel
from ..bench.backbones.base import Block, Discriminator
from . import Setup, register, tunable
from .finetune import FineTune

LATENTS = 4
ANCHOR_EVERY = 4
ANCHOR_SD = 0.1


@register(
    "cdc", cite="Ojha et al., Few-shot Image Generation via Cross-domain Correspondence, CVPR 2021, arXiv:2104.06820"
)
@dataclass
class CDC(FineTune):
    """Fine-tuning with cross-domain distance consistency, and an image discriminator near anchor latents only.

    Each image's similarities to the others of a batch shall be in the target as they were in the source. The
    realism of whole images is judged near as many fixed latents as there are shots, in one step of four; elsewhere
    only that of patches. The backbones' intervals of R1 are multiples of four, so it falls on steps near the anchors
    and does not regularise the patch head, as in the authors' code.
    """

    strength: float = tunable(1000.0, low=10.0, high=1e4, log=True)
    patch_resolution: int = tunable(16, choices=(8, 16))

    def make_discriminator(self) -> Discriminator:
        torch.manual_seed(self.setup.seed("patch-init"))
        return PatchDiscriminator(super().make_discriminator(), self.patch_resolution)  # pyright: ignore

    def prepare(self, setup: Setup) -> None:
        super().prepare(setup)
        # Whole on every process, so that all know the same anchors.
        size = len(setup.shots), self.generator.latent_dim
        self.anchors = torch.randn(size, generator=self.rng, device=setup.device)
        self.near_anchors = False
        self.layer_rng = torch.Generator().manual_seed(setup.seed("consistency-layer"))

    def adapt(self) -> None:
        self.source_generator = self.setup.source.make_generator().to(self.setup.device).eval().requires_grad_(False)

    def step(self, real: Tensor) -> dict[str, Tensor]:
        self.near_anchors = self.steps_done % ANCHOR_EVERY == 0
        self.discriminator.patches = not self.near_anchors
        return super().step(real)

    def latents(self, count: int) -> Tensor:
        """Anywhere in patch steps, else near the anchors."""
        latents = super().latents(count)
        if not self.near_anchors:
            return latents
        whole = (count * parallel.processes(),)
        nearest = torch.randint(len(self.anchors), whole, generator=self.rng, device=latents.device)
        return self.anchors[parallel.own(nearest)] + ANCHOR_SD * latents

    def mixing_latents(self, count: int) -> Tensor | None:
        """None near the anchors, as in the authors' code: an image near one must be so in all its layers."""
        return None if self.near_anchors else super().mixing_latents(count)

    def path_length_penalty(self, count: int) -> Tensor:
        """Anywhere, as in the authors' code, although its steps are those near the anchors: these images are made."""
        self.near_anchors = False
        return super().path_length_penalty(count)

    def generator_penalty(self) -> Tensor:
        return self.strength * self.inconsistency(super().latents(LATENTS))

    def inconsistency(self, latents: Tensor) -> Tensor:
        """Divergence of the target's similarities at one random layer from the source's (eq. 2 to 4).

        The mean over all pairs, as in the authors' code, to which the usual strength of 1000 belongs. Both networks
        are in eval mode, where normalisation does not mix the images and noise is fixed.
        """
        self.generator.eval()
        features = self.generator.features(latents)
        self.generator.train()
        with torch.no_grad():
            source_features = self.source_generator.features(latents)
        layer = int(torch.randint(len(features) - 1, (), generator=self.layer_rng))
        ours, theirs = log_similarities(features[layer]), log_similarities(source_features[layer])
        return (theirs.exp() * (theirs - ours)).mean()


def log_similarities(features: Tensor) -> Tensor:
    """Log-softmax over the cosine similarities of each image's features to the others': n x (n - 1), float32."""
    with torch.autocast(features.device.type, enabled=False):  # bfloat16 rounds away how the two networks differ
        flat = functional.normalize(features.float().flatten(1), dim=1)
        count = len(flat)
        others = ~torch.eye(count, dtype=torch.bool, device=flat.device)
        return (flat @ flat.T)[others].view(count, count - 1).log_softmax(1)


class PatchDiscriminator(Discriminator):
    """The source's discriminator, with a second head on the block that is nearest to a resolution.

    Gives logits of N images, or of N x P patches while ``patches`` is set.
    """

    def __init__(self, whole: Discriminator, resolution: int):
        super().__init__()
        self.resolution = whole.resolution
        self.whole = whole
        self.patches = False
        ratios = [abs(block.resolution.bit_length() - resolution.bit_length()) for block in whole.blocks]
        self.block = ratios.index(min(ratios))
        with torch.no_grad():
            channels = whole.eval().features(torch.zeros(1, 3, whole.resolution, whole.resolution))[self.block].shape[1]
        whole.train()
        self.patch_head = nn.Conv2d(channels, 1, 3)

    @property
    def blocks(self) -> list[Block]:
        return self.whole.blocks

    def features(self, x: Tensor) -> list[Tensor]:
        return self.whole.features(x)

    def forward(self, x: Tensor) -> Tensor:
        if not self.patches:
            return self.whole(x)
        return self.patch_head(self.whole.features(x)[self.block]).flatten(1).float()
