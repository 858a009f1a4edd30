"""What every registered domain must keep to; a new one is found and tested without being named here."""

import os
from itertools import combinations

import pytest
import torch
from graftbench.bench.errors import UserError
from graftbench.bench.registries import domains
from graftbench.datasets import SPLITS, draw_shots, open_domain

NEEDS_AN_ARGUMENT = {"folder", "hub", "lsun"}
"""Families that are nothing without what follows the colon; they have tests of their own."""
VARIANTS = ["mnist5k:3", "mnist5k:not-3"]
WITHOUT_OPTIONS = [name for name in domains.names() if name not in NEEDS_AN_ARGUMENT and not open_domain(name).option]
USERS_CACHE = os.environ.get("GRAFTBENCH_CACHE")
MOST = 300
"""Images of each split that are looked at, so that large domains stay quick."""


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """One new cache for all of these tests, so that each domain is decoded once."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch.setenv("GRAFTBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))


PRESENT = {name: open_domain(name).present() for name in [*domains.names(), *VARIANTS] if name not in NEEDS_AN_ARGUMENT}


def test_domains_whose_images_are_not_here_are_named():
    absent = [name for name, present in PRESENT.items() if not present]
    if absent:
        pytest.skip(f"not tested, their images are not here: {', '.join(absent)}")


@pytest.fixture(params=[name for name, present in PRESENT.items() if present])
def domain(request, monkeypatch):
    """Each domain in turn, if its images are here; those once downloaded are tested from the user's own cache."""
    opened = open_domain(request.param)
    if not opened.present():
        if USERS_CACHE is None:
            monkeypatch.delenv("GRAFTBENCH_CACHE")
        else:
            monkeypatch.setenv("GRAFTBENCH_CACHE", USERS_CACHE)
        opened = open_domain(request.param)
    if not opened.present():
        pytest.skip(f"the images of {request.param} are not here ({opened.about.how})")
    return opened


def some(domain, split):
    return list(range(min(MOST, domain.sizes()[split])))


def contents(domain, split, resolution=32):
    return [image.numpy().tobytes() for image in domain.images(split, resolution, some(domain, split))]


def test_it_keeps_the_name_it_was_asked_by(domain):
    assert open_domain(domain.name).name == domain.name


def test_it_says_what_a_user_must_know(domain):
    about = domain.about
    assert about.licence
    assert about.how in ("generated", "in a package", "downloaded", "by hand", "your folder")
    assert about.how == "generated" or (about.homepage and (about.cite or domains.entry(_family(domain)).cite))
    assert domains.entry(_family(domain)).summary
    assert about.images is None or about.images >= sum(domain.sizes().values())


def test_it_has_three_splits_that_hold_images(domain):
    assert set(domain.sizes()) == set(SPLITS)
    assert all(size > 0 for size in domain.sizes().values())


def test_images_are_uint8_rgb_of_the_asked_size(domain):
    for split in SPLITS:
        for resolution in (16, 32, 64):
            images = domain.images(split, resolution, some(domain, split)[:4])
            assert images.dtype == torch.uint8
            assert images.shape == (min(4, domain.sizes()[split]), 3, resolution, resolution)


def test_images_use_the_range_and_differ(domain):
    images = domain.images("reference", 32, some(domain, "reference")).float()
    assert images.max() > 150
    assert images.min() < 100
    assert images.std(0).mean() > 5


def test_no_image_is_in_two_splits_or_twice_in_one(domain):
    held = [contents(domain, split) for split in SPLITS]
    assert all(len(split) == len(set(split)) for split in held)
    assert all(not set(a) & set(b) for a, b in combinations(held, 2))


def test_indices_give_the_same_images_in_the_asked_order(domain):
    chosen = [2, 0, 1]
    together = domain.images("validation", 32, [0, 1, 2])
    assert torch.equal(domain.images("validation", 32, chosen), together[chosen])
    assert domain.images("validation", 32, []).shape == (0, 3, 32, 32)


def test_it_gives_the_same_images_again(domain):
    again = open_domain(domain.name)
    for split in SPLITS:
        assert contents(domain, split, 16) == contents(again, split, 16)


def test_shots_are_drawn_by_domain_count_and_repetition_only(domain):
    count = min(10, domain.sizes()["shots"])
    drawn = draw_shots(domain, count, 0)
    assert drawn == draw_shots(open_domain(domain.name), count, 0)
    assert len(set(drawn)) == count
    assert all(0 <= i < domain.sizes()["shots"] for i in drawn)
    assert count == domain.sizes()["shots"] or drawn != draw_shots(domain, count, 1)


def test_shots_are_not_in_the_reference(domain):
    drawn = domain.images("shots", 32, draw_shots(domain, min(10, domain.sizes()["shots"]), 0))
    reference = set(contents(domain, "reference"))
    assert not any(image.numpy().tobytes() in reference for image in drawn)


def test_more_shots_than_there_are_is_refused(domain):
    with pytest.raises(UserError, match="were asked for"):
        draw_shots(domain, domain.sizes()["shots"] + 1, 0)


def test_classes_label_each_image_where_there_are_any(domain):
    for split in SPLITS:
        labels = domain.classes(split)
        if labels is not None:
            assert labels.dtype == torch.int64
            assert labels.shape == (domain.sizes()[split],)


@pytest.mark.parametrize("name", domains.names())
@pytest.mark.parametrize("option", ["no such thing", ""])
def test_what_follows_the_colon_is_used_or_refused_in_one_line(name, option):
    with pytest.raises(UserError) as refusal:
        open_domain(f"{name}:{option}").sizes()
    assert "\n" not in str(refusal.value)
    assert option in str(refusal.value) or "is not here" in str(refusal.value)  # some classes only the files know


@pytest.mark.parametrize("name", WITHOUT_OPTIONS)
def test_a_domain_without_options_refuses_one_before_its_images_are_here(name):
    with pytest.raises(UserError, match=f"'{name}:x': {name} takes nothing after a colon; write {name}"):
        open_domain(f"{name}:x")


def _family(domain):
    return domain.name.partition(":")[0]
