"""How many images a generator makes at once: what a GPU's memory must hold."""

import pytest
import torch
from graftbench.bench.backbones.base import Generator
from graftbench.strategies.base import generate


class Flat(Generator):
    """Images of one colour, the latent's; keeps how many were asked for at once."""

    latent_dim = 3

    def __init__(self, resolution: int):
        super().__init__()
        self.resolution, self.batches = resolution, []

    def forward(self, z):
        self.batches.append(len(z))
        return z.clamp(-1, 1)[:, :, None, None].expand(-1, -1, self.resolution, self.resolution)


@pytest.mark.parametrize(
    ("resolution", "batches"),
    [(32, [250, 250, 20]), (64, [250, 250, 20]), (128, [64, 64, 1]), (256, [16, 16, 3]), (1024, [1, 1])],
)
def test_large_images_are_made_fewer_at_a_time(resolution, batches):
    generator = Flat(resolution)
    generate(generator, torch.zeros(sum(batches), 3))
    assert generator.batches == batches


def test_images_are_in_the_order_of_their_latents():
    levels = torch.linspace(-1, 1, 520)
    images = generate(Flat(32), levels[:, None].expand(-1, 3))
    assert torch.equal(images[:, 0, 0, 0], levels.add(1).mul(127.5).round().to(torch.uint8))
