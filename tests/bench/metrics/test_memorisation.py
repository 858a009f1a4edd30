"""Copies of the shots are found as such, exactly."""

import numpy as np
import pytest
import torch
from graftbench.bench.metrics.memorisation import authenticity, nearest_shot_ratio


def test_copies_of_shots_are_at_distance_zero_also_where_shots_are_equal():
    shots = torch.randn(5, 64, generator=torch.Generator().manual_seed(0)).repeat(2, 1)
    copies = shots.repeat(10, 1)  # so many that torch's distances come from a product
    assert nearest_shot_ratio(copies, shots) == 0
    assert authenticity(copies, shots) == 0


def test_the_distances_are_those_of_the_definition():
    rng = torch.Generator().manual_seed(1)
    shots, fakes = torch.randn(40, 16, generator=rng), torch.randn(60, 16, generator=rng)
    distances = (fakes.double()[:, None] - shots.double()).norm(dim=2)
    two = distances.sort(1).values[:, :2]
    assert nearest_shot_ratio(fakes, shots) == pytest.approx(np.median(two[:, 0] / two[:, 1]), rel=1e-12)
    own = (shots.double()[:, None] - shots.double()).norm(dim=2).fill_diagonal_(float("inf")).min(1).values
    farther = distances.min(1).values > own[distances.argmin(1)]
    assert authenticity(fakes, shots) == float(farther.double().mean())
