"""LSUN is read from the database that its publisher offers."""

import sys

import numpy as np
import pytest
import torch
from graftbench.bench.errors import UserError
from graftbench.datasets import open_domain
from graftbench.datasets.downloads import downloads
from graftbench.datasets.lsun import LSUN
from pictures import encoded, picture


@pytest.fixture
def write_database():
    lmdb = pytest.importorskip("lmdb", reason="lmdb is not installed: pip install 'graftbench[lsun]'")

    def write(folder: str, images: dict[bytes, bytes]) -> None:
        """A database as the publisher makes them: the picture's hash -> the encoded picture."""
        (downloads() / folder).mkdir(parents=True)
        with lmdb.open(str(downloads() / folder), map_size=2**24) as database, database.begin(write=True) as changes:
            for key, value in images.items():
                changes.put(key, value)

    return write


PICTURES = {b"%040x" % i: encoded(picture(i), "WEBP", lossless=True) for i in range(30)}


@pytest.mark.parametrize(
    ("name", "folder"), [("lsun:church_outdoor", "church_outdoor_train_lmdb"), ("lsun:car", "car")]
)
def test_scenes_and_objects_are_read_in_the_order_of_their_keys(write_database, name, folder):
    write_database(folder, PICTURES)
    domain = open_domain(name)
    assert domain.present()
    assert domain.sizes() == {"shots": 12, "validation": 6, "reference": 12}
    side = min(picture(0).size)
    images = domain.images("reference", side)
    for image, position in zip(images, domain.splits["reference"], strict=True):
        shown = np.asarray(picture(position).convert("RGB"))
        left, top = (shown.shape[1] - side) // 2, (shown.shape[0] - side) // 2
        assert torch.equal(image.permute(1, 2, 0), torch.from_numpy(shown[top : top + side, left : left + side].copy()))


def test_only_the_first_images_of_a_huge_category_are_used(write_database, monkeypatch):
    monkeypatch.setattr(LSUN, "MOST", 20)
    write_database("tower_train_lmdb", PICTURES)
    assert sum(open_domain("lsun:tower").sizes().values()) == 20


def test_a_picture_that_is_damaged_is_named(write_database):
    write_database("tower_train_lmdb", PICTURES | {b"damaged": b"no picture"})
    with pytest.raises(UserError, match="1 of 31 images cannot be used: damaged"):
        open_domain("lsun:tower").sizes()


def test_an_empty_database_and_one_that_is_none_are_one_line(write_database):
    write_database("tower_train_lmdb", {})
    with pytest.raises(UserError, match="the database is empty"):
        open_domain("lsun:tower").sizes()
    (downloads() / "cat").mkdir()
    (downloads() / "cat" / "data.mdb").write_bytes(b"<html>")
    with pytest.raises(UserError, match="not a readable LMDB folder"):
        open_domain("lsun:cat").sizes()


def test_it_says_which_file_to_put_where():
    with pytest.raises(UserError, match=r"download http://dl\.yf\.io/lsun/scenes/tower_train_lmdb\.zip and unpack"):
        open_domain("lsun:tower").fetch()
    with pytest.raises(UserError, match=r"download http://dl\.yf\.io/lsun/objects/car\.zip and unpack it as .*/car"):
        open_domain("lsun:car").sizes()


def test_a_missing_package_is_named_with_the_command_that_gets_it(monkeypatch):
    (downloads() / "car").mkdir(parents=True)
    (downloads() / "car" / "data.mdb").touch()
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(UserError, match=r"lsun:car needs the lmdb package: pip install 'graftbench\[lsun\]'"):
        open_domain("lsun:car").sizes()
