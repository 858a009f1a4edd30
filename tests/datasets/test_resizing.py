"""Bringing pictures to R x R."""

import numpy as np
import pytest
from graftbench.datasets.resizing import Resize
from pictures import picture
from PIL import Image


@pytest.mark.parametrize("filter", ["lanczos", "box"])
def test_fine_stripes_become_grey_instead_of_coarse_stripes(filter):
    stripes = np.zeros((96, 96, 3), np.uint8)
    stripes[:, ::2] = 255
    small = Resize(filter)(Image.fromarray(stripes), 32)[:, :, 3:-3].astype(float)
    assert np.abs(small - 127.5).max() < 50  # skipping pixels would give 0 and 255
    assert abs(small.mean() - 127.5) < 3


def test_a_crop_keeps_the_centre_square():
    image = Image.new("RGB", (30, 10), (9, 9, 9))
    image.paste((200, 0, 0), (10, 0, 20, 10))
    assert (Resize()(image, 10)[0] == 200).all()


def test_a_letterbox_keeps_everything_and_fills_with_the_background():
    image = Image.new("RGB", (40, 20), (200, 0, 0))
    small = Resize(fit="letterbox", background=(1, 2, 3))(image, 20)
    assert (small[:, 5:15] == np.array([200, 0, 0]).reshape(3, 1, 1)).all()
    assert (small[:, :5] == np.array([1, 2, 3]).reshape(3, 1, 1)).all()


def test_a_picture_of_the_right_size_is_untouched_and_a_small_one_is_enlarged():
    assert (Resize()(picture(1, 32, 32), 32) == np.asarray(picture(1, 32, 32)).transpose(2, 0, 1)).all()
    assert Resize()(picture(1, 8, 8), 32).shape == (3, 32, 32)


def test_the_policy_says_its_name():
    assert str(Resize()) == "lanczos, centre crop"
    assert str(Resize("box", "letterbox")) == "box, letterbox"
