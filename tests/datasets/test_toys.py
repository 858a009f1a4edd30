"""The procedural domains: what is drawn depends on the factors alone."""

import time

import pytest
import torch
from graftbench.datasets import open_domain
from graftbench.datasets.toys.domain import SIZES
from graftbench.datasets.toys.draws import Draws

FACES = ["toyfaces", "toyfaces-sunglasses", "toyfaces-babies", "toyfaces-sketches", "toyfaces-paintings"]
TOYS = [*FACES, "toycats", "toyhouses"]


@pytest.fixture(params=TOYS)
def toy(request):
    return open_domain(request.param)


def test_a_picture_does_not_depend_on_which_others_are_asked_for(toy):
    together = toy.images("shots", 32, list(range(150)))
    for indices in ([0], [149], [3, 77, 149], list(range(149, -1, -2))):
        assert torch.equal(toy.images("shots", 32, indices), together[indices])


def test_a_picture_does_not_depend_on_the_number_of_threads(toy):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = toy.images("validation", 50, list(range(40)))
        torch.set_num_threads(2)
        assert torch.equal(toy.images("validation", 50, list(range(40))), alone)
    finally:
        torch.set_num_threads(before)


def test_another_resolution_gives_the_same_picture(toy):
    large = toy.images("reference", 128, list(range(16))).float()
    small = toy.images("reference", 32, list(range(16))).float()
    shrunk = torch.nn.functional.avg_pool2d(large, 4)
    of_others = (shrunk.roll(1, 0) - small).abs().mean()
    assert (shrunk - small).abs().mean() < 6
    assert (shrunk - small).abs().mean() < of_others / 5


def test_every_resolution_from_16_to_256_is_drawn(toy):
    for resolution in (16, 17, 48, 100, 256):
        assert toy.images("shots", resolution, [1, 2]).shape == (2, 3, resolution, resolution)


def test_the_splits_show_different_pictures(toy):
    people = []
    for split, size in SIZES.items():
        people += torch.stack(list(toy.factors(split).values()), 1).tolist()
        assert len(toy.factors(split)["scale"]) == size
    assert len({tuple(person) for person in people}) == sum(SIZES.values())


def test_factors_are_those_of_the_indices_asked_for(toy):
    every = toy.factors("validation")
    assert all(values.shape == (SIZES["validation"],) for values in every.values())
    some = toy.factors("validation", [5, 3])
    assert all(torch.equal(some[name], every[name][[5, 3]]) for name in every)
    assert len(every) >= 22


def test_rendering_the_factors_gives_the_images(toy):
    factors = toy.factors("shots", [4, 9])
    assert torch.equal(toy.render(factors, 32), toy.images("shots", 32, [4, 9]))


def test_a_new_factor_would_leave_the_others_as_they_are():
    draw = Draws(10, "toyfaces", "shots")
    before = draw.uniform("smile", 0, 1)
    draw.uniform("hat", 0, 1)
    assert torch.equal(draw.uniform("smile", 0, 1), before)


def test_sunglasses_are_on_every_face_and_dark():
    domain = open_domain("toyfaces-sunglasses")
    factors = domain.factors("reference", list(range(200)))
    assert (factors["glasses"] == 1).all()
    assert (factors["lens_tint"] > 0.8).all()
    without = factors | {"glasses": torch.zeros(200)}
    eyes = (slice(None), slice(None), slice(10, 20), slice(6, 26))
    darker = domain.render(without, 32)[eyes].float() - domain.render(factors, 32)[eyes].float()
    assert (darker.mean((1, 2, 3)) > 0).float().mean() > 0.8


def test_some_adults_wear_glasses_and_no_baby_does():
    adults = open_domain("toyfaces").factors("reference")["glasses"]
    assert 0.1 < adults.mean() < 0.2
    assert not open_domain("toyfaces-babies").factors("reference")["glasses"].any()


def test_babies_have_bigger_eyes_and_less_hair_than_any_adult():
    babies, adults = open_domain("toyfaces-babies").factors("shots"), open_domain("toyfaces").factors("shots")
    assert babies["eye_size"].min() > adults["eye_size"].max()
    hair = adults["hair_volume"]
    assert babies["hair_volume"].max() < hair[hair > 0].min()


@pytest.mark.parametrize("factor", ["smile", "turn", "skin", "hair_length", "glasses", "gaze_x", "background_hue"])
def test_each_factor_shows_in_the_picture(factor):
    domain = open_domain("toyfaces")
    factors = domain.factors("shots", list(range(8)))
    low, high = (factors | {factor: torch.full((8,), value)} for value in (0.0, 0.9))
    changed = (domain.render(low, 64) != domain.render(high, 64)).flatten(1).any(1)
    assert changed.all()


def test_sketches_are_almost_grey_and_photographs_are_not():
    def saturation(name):
        images = open_domain(name).images("shots", 32, list(range(64))).float()
        return (images.amax(1) - images.amin(1)).mean()

    assert saturation("toyfaces-sketches") < 25
    assert saturation("toyfaces") > 50


def test_a_split_of_5000_images_is_drawn_in_seconds():
    domain = open_domain("toyfaces")
    domain.images("reference", 32, [0])
    start = time.perf_counter()
    assert domain.images("reference", 32).shape == (5000, 3, 32, 32)
    assert time.perf_counter() - start < 20, "at least 250 images/s even on a busy machine; a free core does 5,000"
