"""Fashion-MNIST as the Debian package installs it."""

import gzip
import shutil
from itertools import combinations

import pytest
import torch
from graftbench.bench.errors import UserError
from graftbench.datasets import SPLITS, fashion_mnist, open_domain
from graftbench.datasets.downloads import downloads

needs_debian = pytest.mark.skipif(
    not fashion_mnist.DEBIAN.is_dir(),
    reason=f"{fashion_mnist.DEBIAN} is missing; apt install dataset-fashion-mnist",
)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """One new cache for all of these tests, so that the set is read once."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch.setenv("GRAFTBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))


@needs_debian
def test_the_test_part_is_the_reference():
    domain = open_domain("fashion-mnist:8")
    assert domain.present()
    assert domain.sizes() == {"shots": 4800, "validation": 1200, "reference": 1000}
    images = domain.images("reference", 28)
    assert images.shape == (1000, 3, 28, 28)
    assert 0.2 < (images > 60).float().mean() < 0.8  # bags fill much of the picture


@needs_debian
def test_a_class_is_named_by_number_or_by_name_and_its_complement_by_not():
    bag = open_domain("fashion-mnist:bag")
    others = open_domain("fashion-mnist:not-bag")
    assert torch.equal(bag.images("reference", 28), open_domain("fashion-mnist:8").images("reference", 28))
    assert others.sizes()["reference"] == 9000
    assert others.classes("reference").unique().numel() == 9
    assert bag.classes("reference") is None
    with pytest.raises(UserError, match="did you mean 'sandal'"):
        open_domain("fashion-mnist:sandals").sizes()


@needs_debian
def test_source_and_target_share_no_image():
    kept = [
        {domain.survey.hashes[i] for i in domain.kept}
        for domain in (open_domain("fashion-mnist:8"), open_domain("fashion-mnist:not-8"))
    ]
    assert not kept[0] & kept[1]
    target = open_domain("fashion-mnist:8")
    held = [{target.survey.hashes[i] for i in target.splits[name]} for name in SPLITS]
    assert all(not a & b for a, b in combinations(held, 2))


@needs_debian
def test_a_downloaded_copy_is_read_and_a_changed_one_refused(monkeypatch):
    place = downloads() / "fashion-mnist"
    shutil.copytree(fashion_mnist.DEBIAN, place)
    monkeypatch.setattr(fashion_mnist, "DEBIAN", place / "none")
    assert open_domain("fashion-mnist:8").fetch() == place
    labels = place / "t10k-labels-idx1-ubyte.gz"
    labels.write_bytes(gzip.compress(gzip.decompress(labels.read_bytes())[::-1]))
    with pytest.raises(UserError, match="SHA-256 of the content is"):
        open_domain("fashion-mnist:8").fetch()
    shutil.rmtree(place)


def test_a_damaged_download_is_one_line(tmp_path):
    file = tmp_path / "t10k-labels-idx1-ubyte.gz"
    content = bytearray(gzip.compress(bytes(range(10)) * 1000))
    content[15:25] = b"\xff" * 10
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"not a readable gzip file .* delete it and fetch it again"):
        fashion_mnist._unpacked(file)


def test_a_missing_copy_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path)
    with pytest.raises(UserError, match="graftbench fetch fashion-mnist` or apt install dataset-fashion-mnist"):
        open_domain("fashion-mnist:8").sizes()
