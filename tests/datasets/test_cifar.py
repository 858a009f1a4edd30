"""CIFAR's binary archives, served by a loopback server and read without unpickling anything."""

import dataclasses
import functools
import hashlib
import io
import tarfile

import numpy as np
import pytest
import torch
from graftbench.bench.errors import UserError
from graftbench.bench.registries import domains
from graftbench.datasets import open_domain
from graftbench.datasets.catalogue import catalogue
from graftbench.datasets.cifar import CIFAR
from pictures import same_images

BATCH = 20


def records(seed: int, count: int, labels: list[list[int]]) -> bytes:
    """``count`` records: their labels, then 1,024 bytes each of red, green and blue."""
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 3072), np.uint8)
    return np.hstack([np.array(labels, np.uint8), pixels]).tobytes()


TEN = {
    f"cifar-10-batches-bin/{name}.bin": records(k, BATCH, [[i % 10] for i in range(BATCH)])
    for k, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"])
} | {"cifar-10-batches-bin/batches.meta.txt": b"airplane\n", "cifar-10-batches-bin/readme.html": b"<html>"}
HUNDRED = {
    "cifar-100-binary/train.bin": records(0, 1000, [[99, i % 100] for i in range(1000)]),
    "cifar-100-binary/test.bin": records(1, 200, [[99, i % 100] for i in range(200)]),
    "cifar-100-binary/fine_label_names.txt": b"apple\n",
}


def tar_gz(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


@pytest.fixture
def publish(site, monkeypatch):
    """Put an archive on the loopback server as the catalogue's; its MD5 is the stated one if none is given."""

    def put(name: str, archive: bytes, md5: str = "") -> None:
        file = f"/{name}-binary.tar.gz"
        site.files[file] = archive
        stated = md5 or hashlib.md5(archive).hexdigest()
        facts = dataclasses.replace(catalogue()[name], url=site.url + file, md5=stated)
        domains.entries()
        monkeypatch.setitem(domains._objects, name, functools.partial(CIFAR, facts=facts))

    return put


def test_images_arrive_with_their_colours_upright(publish):
    publish("cifar10", tar_gz(TEN))
    domain = open_domain("cifar10")
    assert not domain.present()
    domain.fetch()
    assert domain.present()
    assert domain.sizes() == {"shots": 80, "validation": 20, "reference": BATCH}
    stored = np.frombuffer(TEN["cifar-10-batches-bin/test_batch.bin"], np.uint8).reshape(BATCH, 3073)
    expected = torch.from_numpy(stored[:, 1:].reshape(-1, 3, 32, 32).copy())
    assert same_images(domain.images("reference", 32), expected)


def test_an_interrupted_download_goes_on(publish, site):
    publish("cifar10", tar_gz(TEN))
    site.cut_after["/cifar10-binary.tar.gz"] = [100_000]
    open_domain("cifar10").fetch()
    assert [span for _, span in site.asked] == ["", "bytes=100000-"]


def test_classes_go_by_name_and_by_number(publish):
    publish("cifar10", tar_gz(TEN))
    open_domain("cifar10").fetch()
    assert open_domain("cifar10:cat").sizes() == {"shots": 8, "validation": 2, "reference": 2}
    assert open_domain("cifar10:3").survey.hashes == open_domain("cifar10:cat").survey.hashes
    assert open_domain("cifar10:not-cat").sizes()["reference"] == 18
    with pytest.raises(UserError, match="unknown class 'cot'; did you mean 'cat'"):
        open_domain("cifar10:cot")


def test_a_tenth_is_the_literatures_choice(publish):
    publish("cifar10", tar_gz(TEN))
    whole = open_domain("cifar10")
    whole.fetch()
    domain = open_domain("cifar10:10%")
    assert sum(domain.sizes().values()) == 10 + BATCH
    chosen = np.random.RandomState(0).choice(100, 10, replace=False)
    assert {domain.survey.hashes[i] for i in domain.splits["shots"] + domain.splits["validation"]} == {
        whole.survey.hashes[i] for i in chosen
    }
    with pytest.raises(UserError, match="write 10% or 20%"):
        open_domain("cifar10:x%")


def test_cifar100_has_the_fine_classes(publish):
    publish("cifar100", tar_gz(HUNDRED))
    open_domain("cifar100").fetch()
    assert open_domain("cifar100").sizes() == {"shots": 800, "validation": 200, "reference": 200}
    wolves = open_domain("cifar100:wolf")
    stored = np.frombuffer(HUNDRED["cifar-100-binary/test.bin"], np.uint8).reshape(200, 3074)
    assert torch.equal(wolves.images("reference", 32)[0], torch.from_numpy(stored[97, 2:].reshape(3, 32, 32).copy()))


def test_the_archive_is_unpacked_once(publish, monkeypatch):
    publish("cifar10", tar_gz(TEN))
    open_domain("cifar10").fetch()
    monkeypatch.setattr(CIFAR, "_unpacked", lambda *arguments: pytest.fail("unpacked again"))
    assert sum(open_domain("cifar10").sizes().values()) == 120


def test_an_archive_with_another_md5_is_refused_and_not_read(publish):
    publish("cifar10", tar_gz(TEN), md5="0" * 32)
    with pytest.raises(UserError, match=f"md5 is [0-9a-f]+, not {'0' * 32} as stated; or by hand"):
        open_domain("cifar10").fetch()
    assert not open_domain("cifar10").present()
    open_domain("cifar10").path.write_bytes(tar_gz(TEN))
    for call in (open_domain("cifar10").fetch, open_domain("cifar10").sizes):
        with pytest.raises(UserError, match=f"MD5 is .*, its publisher states {'0' * 32}; delete it"):
            call()


@pytest.mark.parametrize(
    ("archive", "why"),
    [
        (b"no archive", "not a readable .tar.gz"),
        (tar_gz(TEN)[:9000], "not a readable .tar.gz"),
        (tar_gz(HUNDRED), "holds no data_batch_1.bin"),
        (tar_gz(TEN | {"cifar-10-batches-bin/data_batch_1.bin": bytes(3000)}), "not a number of records of 3073 bytes"),
        (tar_gz(TEN | {"cifar-10-batches-bin/data_batch_1.bin": b"\x0a" + bytes(3072)}), "has labels above 9"),
    ],
)
def test_an_archive_that_holds_something_else_is_one_line(publish, archive, why):
    publish("cifar10", archive)
    with pytest.raises(UserError, match=why) as refusal:
        open_domain("cifar10").fetch()
    assert "\n" not in str(refusal.value)


def test_entries_that_point_elsewhere_are_written_nowhere(publish, tmp_path, cache):
    publish("cifar10", tar_gz(TEN | {"../../escaped.bin": b"x", str(tmp_path / "absolute.bin"): b"x"}))
    open_domain("cifar10").fetch()
    assert not list(tmp_path.rglob("*.bin"))
    assert not list(cache.parent.rglob("escaped.bin"))


def test_a_damaged_copy_of_the_records_is_made_anew(publish, cache):
    publish("cifar10", tar_gz(TEN))
    open_domain("cifar10").fetch()
    before = open_domain("cifar10").images("reference", 32)
    for path in cache.glob("records/*/test_batch.bin.npy"):
        path.write_bytes(b"torn")
    assert torch.equal(open_domain("cifar10").images("reference", 32), before)
