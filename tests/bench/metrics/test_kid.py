"""The standard error of KID is that of repeated draws, and KID is unbiased at small n."""

import numpy as np
import torch
from graftbench.bench.metrics.kid import kernel_distance


def draws(n_real, n_fake, shift, repetitions=200):
    rng = torch.Generator().manual_seed(0)
    found = [
        kernel_distance(torch.randn(n_real, 16, generator=rng), torch.randn(n_fake, 16, generator=rng) + shift)
        for _ in range(repetitions)
    ]
    return np.array(found).T


def test_kid_of_equal_distributions_is_zero_on_average_even_with_ten_images():
    values, _ = draws(10, 50, shift=0.0)
    assert abs(values.mean()) < 3 * values.std() / len(values) ** 0.5


def test_kid_does_not_depend_on_the_number_of_images_on_average():
    few, many = draws(10, 20, shift=0.5)[0], draws(60, 60, shift=0.5)[0]
    error = (few.var() / len(few) + many.var() / len(many)) ** 0.5
    assert abs(few.mean() - many.mean()) < 3 * error


def test_the_jackknife_error_matches_the_spread_of_repeated_draws():
    values, errors = draws(30, 60, shift=0.5)
    assert 0.85 < errors.mean() / values.std() < 1.3
