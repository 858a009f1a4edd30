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
