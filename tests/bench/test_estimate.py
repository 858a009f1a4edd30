"""What a matrix takes is stated before anything is there to run it."""

import pytest
from graftbench.bench.estimate import describe_cost, disk_mb
from graftbench.bench.matrix import Tuning
from graftbench.bench.matrix_file import SHIPPED, load_matrix


@pytest.mark.parametrize("name", sorted(path.stem for path in SHIPPED.glob("*.yaml")))
def test_every_shipped_matrix_is_valid_and_tells_its_cost(name):
    said = describe_cost(load_matrix(name))
    assert "kimg of training" in said and "GB kept" in said


def test_hours_are_kimg_times_the_stated_speed():
    matrix = load_matrix("gpu-smoke").model_copy(update={"seconds_per_kimg": 600.0})
    assert "at most 28 kimg of training: 5 h" in describe_cost(matrix)


def test_the_trials_of_a_search_are_counted():
    matrix = load_matrix("gpu-smoke")
    tuned = matrix.model_copy(update={"tune": Tuning(trials=10), "seeds": [0, 1]})
    assert "at most 28 kimg" in describe_cost(matrix)
    assert f"at most {28 * (2 + 10)} kimg" in describe_cost(tuned)


def test_disk_counts_weights_moments_and_the_average():
    matrix = load_matrix("quick")
    from graftbench.bench.backbones import make_backbone

    backbone = make_backbone("dcgan", 32, 32)
    generator, discriminator = (
        4 * sum(t.numel() for t in network.state_dict().values()) / 1e6
        for network in (backbone.make_generator(), backbone.make_discriminator())
    )
    kept, passing = disk_mb(matrix)
    assert kept == pytest.approx(generator + 2.0)
    assert passing == pytest.approx(2 * (4 * generator + 3 * discriminator))
