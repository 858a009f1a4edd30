"""Precision, recall, density and coverage where rounding could decide; test_agreement.py has the rest."""

import pytest
import torch
from graftbench.bench.metrics.prdc import density_coverage, precision_recall


@pytest.mark.parametrize("offset", [10.0, 300.0, 3000.0])
def test_a_common_offset_changes_nothing(offset):
    rng = torch.Generator().manual_seed(0)
    real, fake = torch.randn(200, 64, generator=rng), 0.9 * torch.randn(200, 64, generator=rng)
    alone = (*precision_recall(real, fake), *density_coverage(real, fake))
    moved = (*precision_recall(real + offset, fake + offset), *density_coverage(real + offset, fake + offset))
    assert moved == pytest.approx(alone, abs=0.011), "features themselves are rounded there: an image or two"


def by_definition(real, fake, neighbours=5):
    """Density and coverage from every difference, in float64."""
    between = (real.double()[:, None] - fake.double()).norm(dim=2)
    within = (real.double()[:, None] - real.double()).norm(dim=2)
    inside = between <= within.sort(dim=1).values[:, neighbours, None]
    return inside.double().sum(0).mean().item() / neighbours, inside.any(1).double().mean().item()


RNG = torch.Generator().manual_seed(0)
CENTRES = 10 * torch.randn(4, 64, generator=RNG).repeat_interleave(30, 0)
SETS = {
    "ordinary": [torch.randn(n, 64, generator=RNG).relu() for n in (150, 120)],
    "tight clusters far apart": [CENTRES + 1e-3 * torch.randn(120, 64, generator=RNG) for _ in range(2)],
    "each image seven times": [torch.randn(20, 64, generator=RNG).repeat(7, 1), torch.randn(90, 64, generator=RNG)],
    "copies of images that are there seven times": [torch.randn(20, 64, generator=RNG).repeat(7, 1)] * 2,
    "one of them very long": [
        torch.randn(n, 64, generator=RNG) * (1 + 1e4 * (torch.arange(n) == 3))[:, None] for n in (150, 120)
    ],
    "too large for squares in float32": [1e20 * torch.randn(n, 64, generator=RNG) for n in (150, 120)],
    "in float64": [torch.randn(n, 64, generator=RNG, dtype=torch.float64) for n in (150, 120)],
    "far from zero": [torch.randn(n, 64, generator=RNG) + 1000 for n in (150, 120)],
}


@pytest.mark.parametrize("sets", SETS.values(), ids=SETS)
def test_rounding_never_decides_who_lies_in_a_ball(sets):
    assert density_coverage(*sets) == by_definition(*sets)
