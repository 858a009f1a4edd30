"""Published zips: their real inner layouts, and hostile ones."""

import dataclasses
import io
import pickle
import resource
import stat
import time
import zipfile
import zlib
from pathlib import Path

import pytest
from graftbench.bench.errors import UserError
from graftbench.datasets import open_domain
from graftbench.datasets.catalogue import catalogue
from graftbench.datasets.downloads import downloads
from graftbench.datasets.zip_sets import ZipSet
from pictures import encoded, huge_png, picture


def zipped(entries: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return stream.getvalue()


def flat(count: int) -> dict[str, bytes]:
    """As the 100-shot sets are packed: JPEG files at the root."""
    return {f"{i}.jpg": encoded(picture(i, 32, 32), "JPEG") for i in range(count)}


def served(site, name: str, body: bytes, **changes) -> ZipSet:
    site.files[f"/{name}.zip"] = body
    facts = dataclasses.replace(catalogue()[name], url=f"{site.url}/{name}.zip", **changes)
    return ZipSet(name, facts)


def test_a_hundred_shot_set_is_fetched_and_split(site):
    obama = served(site, "obama", zipped(flat(100)))
    assert not obama.present()
    assert obama.fetch() == downloads() / "obama.zip"
    assert obama.present()
    assert obama.sizes() == {"shots": 40, "validation": 20, "reference": 40}
    assert obama.images("reference", 16).shape == (40, 3, 16, 16)


@pytest.mark.parametrize("parts", [("afhq/train", "afhq/val"), ("train", "test"), ("afhq_v2/train", "afhq_v2/test")])
def test_the_publishers_test_part_is_the_reference_and_classes_can_be_chosen(site, parts):
    train, test = parts
    entries = {}
    for k, kind in enumerate(("cat", "dog", "wild")):
        entries |= {f"{train}/{kind}/{i}.jpg": encoded(picture(100 * k + i), "JPEG") for i in range(10)}
        entries |= {f"{test}/{kind}/{i}.jpg": encoded(picture(100 * k + 50 + i), "JPEG") for i in range(3)}
    whole = served(site, "afhq", zipped(entries), images=39)
    whole.fetch()
    assert whole.sizes() == {"shots": 24, "validation": 6, "reference": 9}
    assert whole.classes("reference").bincount().tolist() == [3, 3, 3]
    cats = ZipSet("afhq:cat", whole.facts)
    assert cats.sizes() == {"shots": 8, "validation": 2, "reference": 3}
    assert all(f"{test}/cat/" in cats.listed.names[i] for i in cats.splits["reference"])
    with pytest.raises(UserError, match="did you mean 'wild'"):
        ZipSet("afhq:wilt", whole.facts).sizes()


def test_a_class_has_the_same_split_as_in_the_whole_set(tmp_path):
    for seed in range(60):
        place = tmp_path / "set" / "abc"[seed % 3]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{seed}.png").write_bytes(encoded(picture(seed)))
    whole, one = open_domain(f"folder:{tmp_path}/set"), open_domain(f"folder:{tmp_path}/set/b")
    for name, positions in one.splits.items():
        hashes = {one.survey.hashes[i] for i in positions}
        assert hashes <= {whole.survey.hashes[i] for i in whole.splits[name]}


def test_a_set_that_is_not_here_says_how_to_get_it():
    with pytest.raises(UserError, match="obama is not here; run `graftbench fetch obama`"):
        open_domain("obama").sizes()


def test_a_hand_made_download_says_which_file_goes_where(cache):
    with pytest.raises(UserError, match=r"at https://drive\.google\.com/.* save it as .*/downloads/metfaces\.zip"):
        open_domain("metfaces").fetch()


def test_a_hand_made_download_is_verified(cache):
    downloads().mkdir()
    (downloads() / "metfaces.zip").write_bytes(zipped(flat(7)))
    with pytest.raises(UserError, match="holds 7 images and not 1336, so it is not metfaces"):
        open_domain("metfaces").fetch()


def test_another_file_under_the_same_address_is_noticed(site):
    served(site, "obama", zipped(flat(100))).fetch()
    (downloads() / "obama.zip").unlink()
    with pytest.raises(UserError, match="recorded when it was first fetched"):
        served(site, "obama", zipped(flat(101))).fetch()


def test_a_wrong_hash_and_a_truncated_zip_are_one_line(site):
    obama = served(site, "obama", zipped(flat(100)), sha256="00ff")
    with pytest.raises(UserError, match=r"sends a file whose sha256 is [0-9a-f]+, not 00ff as stated; or by hand"):
        obama.fetch()
    obama.path.write_bytes(zipped(flat(100)))
    with pytest.raises(UserError, match="not 00ff stated for it"):
        obama.fetch()
    with pytest.raises(UserError, match="not a readable zip"):
        served(site, "panda", zipped(flat(100))[:-500]).fetch()


def bomb() -> bytes:
    """A zip whose one entry says that it unpacks to 10 GB."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open(zipfile.ZipInfo("0.png"), "w", force_zip64=True) as entry:
            entry.write(bytes(10**7))
        archive.infolist()[0].file_size = 10**10
    return stream.getvalue()


def many_bombs() -> bytes:
    """A hundred entries of 100 MB of zeros each: no entry is large, together they are 10 GB."""
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packed.compress(bytes(10**8)) + packed.flush()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for i in range(100):
            info = zipfile.ZipInfo(f"{i}.png")
            archive.writestr(info, data)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.file_size = 10**8
    return stream.getvalue()


def link() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        info = zipfile.ZipInfo("0.png")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return stream.getvalue()


HOSTILE = {
    "a path upwards": (lambda: zipped({"../../escaped.png": encoded(picture(0))}), "points out of the archive"),
    "an absolute path": (lambda: zipped({"/tmp/escaped.png": encoded(picture(0))}), "points out of the archive"),
    "a Windows path": (lambda: zipped({"C:\\escaped.png": encoded(picture(0))}), "points out of the archive"),
    "a link": (link, "is a link"),
    "one huge entry": (bomb, r"would unpack to 10\.0 GB"),
    "many large entries": (many_bombs, r"would unpack to 10\.0 GB"),
    "100,000 entries": (lambda: zipped({f"{i}.png": b"" for i in range(100_000)}), "more than 1000 files"),
    "giant pictures": (lambda: zipped(dict.fromkeys(flat(100), huge_png(50_000, 50_000))), "megapixels"),
    "pickles named .png": (lambda: zipped(dict.fromkeys(flat(100), pickle.dumps(Path()))), "not an image"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_zip_ends_in_one_line_and_writes_nothing_outside(site, cache, tmp_path, case):
    make, message = HOSTILE[case]
    hostile = served(site, "obama", make())
    before, memory = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match=message) as raised:
        hostile.fetch()
        hostile.sizes()
    assert "\n" not in str(raised.value)
    assert time.monotonic() - before < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 1_000_000  # kB
    assert not list(cache.parent.rglob("escaped*")) and not Path("/tmp/escaped.png").exists()
    assert all(path.is_relative_to(cache / "downloads") or path.suffix in (".json", ".lock") for path in files(cache))


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
