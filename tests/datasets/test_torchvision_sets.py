"""Sets that torchvision reads, from small files in the publishers' layouts."""

import hashlib

import numpy as np
import pytest
import scipy.io
import torch
import torchvision.datasets
from graftbench.bench.errors import UserError
from graftbench.datasets import open_domain
from graftbench.datasets.torchvision_sets import root
from pictures import encoded, picture, same_images


def idx(array: np.ndarray) -> bytes:
    """The format of MNIST's files: the number of dimensions, their sizes, the bytes."""
    return bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


def write_mnist_like(folder, prefixes=("train", "t10k"), kinds=10):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for prefix, count in zip(prefixes, (50, 20), strict=True):
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(idx(rng.integers(0, 256, (count, 28, 28), np.uint8)))
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(idx((np.arange(count) % kinds).astype(np.uint8)))


@pytest.mark.parametrize(("name", "folder"), [("mnist", "MNIST"), ("kmnist", "KMNIST")])
def test_mnist_and_its_kin(name, folder):
    write_mnist_like(root() / folder / "raw")
    domain = open_domain(name)
    assert domain.present()
    assert domain.sizes() == {"shots": 40, "validation": 10, "reference": 20}
    assert open_domain(f"{name}:3" if name == "mnist" else f"{name}:tsu").sizes()["reference"] == 2
    assert open_domain(f"{name}:not-3").sizes()["reference"] == 18


def test_emnist_letters_stand_upright():
    folder = root() / "EMNIST" / "raw"
    write_mnist_like(folder, ("emnist-balanced-train", "emnist-balanced-test"), kinds=47)
    stored = np.frombuffer((folder / "emnist-balanced-test-images-idx3-ubyte").read_bytes(), np.uint8, offset=16)
    expected = torch.from_numpy(stored.reshape(-1, 28, 28).copy()).transpose(1, 2)
    assert same_images(open_domain("emnist").images("reference", 28)[:, 0], expected)


def test_svhn(monkeypatch):
    root().mkdir(parents=True)
    listed = {}
    for split, count in (("train", 50), ("test", 10)):
        pixels = np.random.default_rng(count).integers(0, 256, (32, 32, 3, count), np.uint8)
        file = root() / f"{split}_32x32.mat"
        scipy.io.savemat(file, {"X": pixels, "y": np.arange(count)[:, None] % 10 + 1})
        listed[split] = ["", file.name, hashlib.md5(file.read_bytes()).hexdigest()]
    monkeypatch.setattr(torchvision.datasets.SVHN, "split_list", listed)
    domain = open_domain("svhn")
    assert domain.sizes()["reference"] == 10
    assert same_images(domain.images("reference", 32), torch.from_numpy(pixels).permute(3, 2, 0, 1))
    assert open_domain("svhn:0").sizes()["reference"] == 1


def test_flowers(monkeypatch):
    folder = root() / "flowers-102"
    (folder / "jpg").mkdir(parents=True)
    for i in range(1, 31):
        (folder / "jpg" / f"image_{i:05}.jpg").write_bytes(encoded(picture(i), "JPEG"))
    scipy.io.savemat(folder / "imagelabels.mat", {"labels": np.arange(30)[None] % 2 + 1})
    ids = {"trnid": np.arange(1, 11), "valid": np.arange(11, 21), "tstid": np.arange(21, 31)}
    scipy.io.savemat(folder / "setid.mat", ids)
    kind = torchvision.datasets.Flowers102
    sums = {}
    for key in ("label", "setid"):
        file = kind._file_dict[key][0]
        sums[key] = (file, hashlib.md5((folder / file).read_bytes()).hexdigest())
    monkeypatch.setattr(kind, "_file_dict", kind._file_dict | sums)
    assert open_domain("flowers102").sizes() == {"shots": 16, "validation": 4, "reference": 10}
    assert open_domain("flowers102:pink-primrose").sizes()["reference"] == 5


def test_oxford_pet():
    folder = root() / "oxford-iiit-pet"
    (folder / "images").mkdir(parents=True)
    (folder / "annotations").mkdir()
    for part, numbers in (("trainval", range(1, 21)), ("test", range(21, 31))):
        lines = []
        for i in numbers:
            name = f"{'Beagle' if i % 2 else 'Bengal'}_{i}"
            (folder / "images" / f"{name}.jpg").write_bytes(encoded(picture(i), "JPEG"))
            lines.append(f"{name} {1 + i % 2} {1 + i % 2} 1")
        (folder / "annotations" / f"{part}.txt").write_text("\n".join(lines) + "\n")
    assert open_domain("oxford-pet").sizes() == {"shots": 16, "validation": 4, "reference": 10}
    assert open_domain("oxford-pet:bengal").sizes()["reference"] == 5


def test_celeba(monkeypatch):
    folder = root() / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    names = [f"{i:06}.jpg" for i in range(1, 31)]
    for i, name in enumerate(names):
        (folder / "img_align_celeba" / name).write_bytes(encoded(picture(i, 44, 54), "JPEG"))
    part = [0] * 16 + [1] * 4 + [2] * 10
    rows = [" ".join([name, *(["-1"] * 2)]) for name in names]
    for file, lines in {
        "list_eval_partition.txt": [f"{name} {k}" for name, k in zip(names, part, strict=True)],
        "identity_CelebA.txt": [f"{name} {i}" for i, name in enumerate(names)],
        "list_attr_celeba.txt": ["30", "Bald Smiling", *rows],
        "list_bbox_celeba.txt": ["30", "image_id x_1 y_1", *rows],
        "list_landmarks_align_celeba.txt": ["30", "x y", *rows],
    }.items():
        (folder / file).write_text("\n".join(lines) + "\n")
    stated = [
        (place, md5 if file.endswith(".zip") else hashlib.md5((folder / file).read_bytes()).hexdigest(), file)
        for place, md5, file in torchvision.datasets.CelebA.file_list
    ]
    monkeypatch.setattr(torchvision.datasets.CelebA, "file_list", stated)
    assert open_domain("celeba").sizes() == {"shots": 16, "validation": 4, "reference": 10}
    assert open_domain("celeba:50%").sizes()["reference"] == 10
    with pytest.raises(UserError, match="celeba has no classes"):
        open_domain("celeba:smiling")


def test_a_changed_file_is_one_line(monkeypatch):
    root().mkdir(parents=True)
    for split in ("train", "test"):
        (root() / f"{split}_32x32.mat").write_bytes(b"changed")
    with pytest.raises(UserError, match="torchvision cannot read it: Dataset not found or corrupted"):
        open_domain("svhn").sizes()


def test_what_was_not_fetched_says_so():
    with pytest.raises(UserError, match="svhn is not here; run `graftbench fetch svhn`"):
        open_domain("svhn").sizes()


def test_a_mirror_that_fails_is_one_line(site, monkeypatch):
    monkeypatch.setattr(torchvision.datasets.KMNIST, "mirrors", [f"{site.url}/"])
    with pytest.raises(UserError, match=r"torchvision cannot get it: .*put its files from") as raised:
        open_domain("kmnist").fetch()
    assert "\n" not in str(raised.value)
