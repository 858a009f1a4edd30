"""The user's own images: what is found, split, refused and reported."""

import hashlib
import os
import re
import shutil
import zipfile
from itertools import combinations

import pytest
import torch
from graftbench.bench.errors import UserError
from graftbench.datasets import SPLITS, draw_shots, open_domain
from graftbench.datasets.image_set import ImageSet
from pictures import encoded, picture
from PIL import Image


def opened(path, options="") -> ImageSet:
    domain = open_domain(f"folder:{path}{options}")
    assert isinstance(domain, ImageSet)
    return domain


def hashes(domain: ImageSet) -> list[set[str]]:
    return [{domain.survey.hashes[i] for i in domain.splits[name]} for name in SPLITS]


def test_every_image_is_in_exactly_one_split(photos):
    domain = opened(photos)
    assert domain.sizes() == {"shots": 8, "validation": 4, "reference": 8}
    assert all(not a & b for a, b in combinations(hashes(domain), 2))
    assert domain.images("shots", 16).shape == (8, 3, 16, 16)
    assert domain.images("shots", 16).dtype == torch.uint8
    assert len(draw_shots(domain, 5, 0)) == 5


def test_indices_pick_rows_of_the_split(photos):
    domain = opened(photos)
    assert torch.equal(domain.images("shots", 16, [5, 1]), domain.images("shots", 16)[[5, 1]])


def test_the_images_are_the_pictures_of_the_files(photos):
    domain = opened(photos)
    for row, position in zip(domain.images("reference", 40), domain.splits["reference"], strict=True):
        assert torch.equal(row, torch.tensor(list(picture(position).tobytes())).view(40, 40, 3).permute(2, 0, 1))


def test_names_do_not_decide_the_split(photos, tmp_path):
    renamed = tmp_path / "renamed"
    renamed.mkdir()
    for k, file in enumerate(sorted(photos.iterdir(), reverse=True)):
        shutil.copy(file, renamed / f"{k:02}.png")
    assert hashes(opened(photos)) == hashes(opened(renamed))


def test_a_zip_and_a_list_hold_the_same_images_as_the_folder(photos, tmp_path):
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for file in photos.iterdir():
            archive.write(file, f"top/{file.name}")
        archive.writestr("__MACOSX/top/._00.png", b"resource fork")
        archive.writestr("readme.txt", "not an image")
    listing = tmp_path / "some.txt"
    listing.write_text("# my best\n\n" + "".join(f"photos/{file.name}\n" for file in sorted(photos.iterdir())))
    expected = hashes(opened(photos))
    assert hashes(opened(tmp_path / "photos.zip")) == expected
    assert hashes(opened(tmp_path / "photos.zip" / "top")) == expected
    assert hashes(opened(listing)) == expected
    listing.write_bytes(b"\xef\xbb\xbf" + listing.read_bytes()[len("# my best\n\n") :].replace(b"\n", b"\r\n"))
    assert hashes(opened(listing)) == expected  # as Windows writes it


def test_sub_folders_are_classes_and_each_split_holds_each_class(tmp_path):
    for seed in range(40):
        place = tmp_path / "animals" / ("cat" if seed % 4 else "dog") / "indoors"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{seed}.png").write_bytes(encoded(picture(seed)))
    domain = opened(tmp_path / "animals")
    for split, dogs in (("shots", 4), ("validation", 2), ("reference", 4)):
        labels = domain.classes(split)
        assert labels is not None and abs(int(labels.sum()) - dogs) <= 1
    one_class = opened(tmp_path / "animals" / "cat")
    assert one_class.classes("shots") is None
    assert sum(one_class.sizes().values()) == 30


def test_the_identity_of_a_folder_tells_its_classes_and_not_its_names(photos, tmp_path):
    flat = opened(photos).identity
    grouped = []
    for turn in (2, 4):
        folder = tmp_path / f"by {turn}"
        for k, file in enumerate(sorted(photos.iterdir())):
            place = folder / ("cat" if k % turn else "dog") / f"renamed {file.name}"
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place)
        grouped.append(opened(folder).identity)
    assert len({flat, *grouped}) == 3
    assert opened(shutil.copytree(folder, tmp_path / "elsewhere")).identity == grouped[-1]
    contents = sorted(opened(photos).survey.hashes)
    assert flat == "folder " + hashlib.sha256("\n".join(contents).encode()).hexdigest(), "stores keep their keys"


def test_hidden_and_other_files_are_passed_over(photos):
    (photos / ".00.png").write_bytes(b"")
    (photos / "notes.txt").write_text("…")
    assert sum(opened(photos).sizes().values()) == 20


def test_a_missing_folder_is_one_line():
    with pytest.raises(UserError, match=r"/no/such: no such folder, \.zip or \.txt list; give the path"):
        opened("/no/such").sizes()


def test_too_few_images_is_one_line(photos):
    for file in sorted(photos.iterdir())[4:]:
        file.unlink()
    with pytest.raises(UserError, match="4 distinct usable images are too few"):
        opened(photos).sizes()


def test_a_folder_without_images_is_one_line(tmp_path):
    with pytest.raises(UserError, match="no image found"):
        opened(tmp_path).sizes()


def test_unreadable_files_are_named_and_counted(photos):
    (photos / "empty.png").write_bytes(b"")
    (photos / "text.jpg").write_text("hello")
    with pytest.raises(
        UserError, match=r"2 of 22 images cannot be used: empty.png \(empty\), text.jpg \(not an image\)"
    ) as refusal:
        opened(photos).sizes()
    way_out = f"; mend or remove them, or leave them out with on_bad: skip (write folder:{photos}?on_bad=skip)"
    assert str(refusal.value).endswith(way_out)
    with pytest.raises(UserError, match=r"\?fit=letterbox&on_bad=skip\)$"):
        opened(photos, "?fit=letterbox").sizes()


def test_an_image_whose_packed_bytes_are_damaged_is_an_unreadable_file(tmp_path):
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as photos:
        for number in range(10):
            photos.writestr(f"{number}.bmp", encoded(picture(number), "BMP"))
        start = photos.getinfo("3.bmp").header_offset + 30 + len("3.bmp")
    content = bytearray(archive.read_bytes())
    content[start : start + 20] = b"\xff" * 20
    archive.write_bytes(content)
    problems = opened(archive, "?on_bad=skip").survey.problems
    assert list(problems) == [3] and problems[3].startswith("broken zip entry (Error -3 while decompressing")


def test_pictures_in_formats_that_are_not_read_are_not_passed_over(photos):
    (photos / "telephone.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    (photos / "note.md").write_text("no picture")
    with pytest.raises(UserError, match=r"1 of 21 .*telephone.HEIC \(HEIC, AVIF or a video.*; save it as JPEG or PNG"):
        opened(photos).sizes()


def test_broken_links_and_pipes_are_unreadable_files(photos):
    (photos / "link.png").symlink_to("nowhere.png")
    os.mkfifo(photos / "pipe.png")
    why = r"2 of 22 .*link.png \(a link that leads nowhere\), pipe.png \(not a file\)"
    with pytest.raises(UserError, match=why):
        opened(photos).sizes()
    assert sum(opened(photos, "?on_bad=skip").sizes().values()) == 20


def test_a_sub_folder_that_cannot_be_listed_is_not_left_out_in_silence(photos, monkeypatch):
    (photos / "private").mkdir()
    list_folder = os.scandir

    def refuse(folder):
        if str(folder).endswith("private"):
            raise PermissionError(13, "Permission denied", str(folder))
        return list_folder(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(UserError, match="private: Permission denied; mend its permissions"):
        opened(photos).sizes()


def test_unreadable_files_are_skipped_on_request(photos, caplog):
    (photos / "empty.png").write_bytes(b"")
    domain = opened(photos, "?on_bad=skip")
    assert sum(domain.sizes().values()) == 20
    assert "1 of 21 images cannot be used: empty.png" in caplog.text


def test_unknown_options_name_the_nearest(photos):
    with pytest.raises(UserError, match="did you mean 'fit'"):
        opened(photos, "?fitt=crop")
    with pytest.raises(UserError, match="did you mean 'letterbox'"):
        opened(photos, "?fit=leterbox")
    with pytest.raises(UserError, match="no colour"):
        opened(photos, "?background=bluish")


def test_options_decide_the_pixels(tmp_path):
    wide = tmp_path / "wide"
    wide.mkdir()
    for seed in range(5):
        (wide / f"{seed}.png").write_bytes(encoded(picture(seed, 60, 20)))
    assert not torch.equal(
        opened(wide).images("shots", 20), opened(wide, "?filter=box&fit=letterbox").images("shots", 20)
    )
    bars = opened(wide, "?fit=letterbox&background=%23102030").images("shots", 20)[:, :, 0]
    assert torch.equal(bars, torch.tensor([16, 32, 48], dtype=torch.uint8).view(1, 3, 1).expand_as(bars))


def test_exact_duplicates_are_kept_once(photos, caplog):
    shutil.copy(photos / "03.png", photos / "again.png")
    assert sum(opened(photos).sizes().values()) == 20
    assert "1 exact duplicates are left out" in caplog.text


@pytest.mark.parametrize(
    "disguise",
    [
        lambda image: encoded(image, "JPEG", quality=60),
        lambda image: encoded(image.resize((90, 90), Image.Resampling.BICUBIC)),
        lambda image: encoded(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
    ],
    ids=["re-encoded", "resized", "mirrored"],
)
def test_a_near_duplicate_across_splits_is_reported_as_a_leak(photos, disguise, caplog):
    for seed in range(20):
        (photos / f"copy-of-{seed:02}.png").write_bytes(disguise(picture(seed)))
    domain = opened(photos)
    leaks = domain.leaks()
    assert leaks and all(leak.first_split != leak.second_split for leak in leaks)
    assert all(leak.first[-6:-4] == leak.second[-6:-4] for leak in leaks)
    domain.sizes()
    assert "leak between splits" in caplog.text


def test_different_pictures_are_no_leak(photos, caplog):
    assert opened(photos).leaks() == []
    opened(photos).sizes()
    assert "leak" not in caplog.text


def test_a_changed_file_is_seen(photos):
    before = hashes(opened(photos))
    (photos / "00.png").write_bytes(encoded(picture(99)))
    assert hashes(opened(photos)) != before


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_replaced_file_of_the_same_size_and_time_is_seen(photos, tmp_path, kind):
    for file in photos.iterdir():
        Image.open(file).save(file.with_suffix(".bmp"))
        file.unlink()

    def pack(path):
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(photos.iterdir()):
                archive.write(file, file.name)

    place = photos if kind == "folder" else tmp_path / "photos.zip"
    changed = photos / "00.bmp" if kind == "folder" else place
    if kind == "zip":
        pack(place)
    before, then = opened(place).identity, changed.stat()
    picture(99).save(photos / "00.bmp")
    if kind == "zip":
        pack(place)
    os.utime(changed, ns=(then.st_atime_ns, then.st_mtime_ns))
    assert (changed.stat().st_size, changed.stat().st_mtime_ns) == (then.st_size, then.st_mtime_ns)
    assert opened(place).identity != before


def test_a_path_that_is_no_text_is_as_good_as_any(photos):
    place = photos.rename(photos.with_name(os.fsdecode(b"caf\xe9")))
    (place / "00.png").rename(place / os.fsdecode(b"\xff.png"))
    domain = opened(place)
    assert sum(domain.sizes().values()) == 20
    assert domain.listed.where.endswith(r"caf\udce9") and r"\udcff.png" in domain.listed.names


@pytest.mark.parametrize("place", ["", "photos.zip"])
def test_names_that_would_act_on_a_terminal_are_shown_escaped(photos, place):
    (photos / "two\nlines \x1b[31m.png").write_bytes(b"")
    if place:
        with zipfile.ZipFile(photos / place, "w") as archive:
            for file in photos.glob("*.png"):
                archive.write(file, file.name)
    with pytest.raises(UserError) as refusal:
        opened(photos / place).sizes()
    assert r"two\nlines \x1b[31m.png (empty)" in str(refusal.value) and str(refusal.value).isprintable()


def test_what_a_list_names_and_is_not_there_is_counted_as_unreadable_files_are(photos, tmp_path, caplog):
    listing = tmp_path / "some.txt"
    wanted = [f"photos/{number:02}.png" for number in range(27)]
    listing.write_text("\n".join(wanted))
    named = ", ".join(rf"photos/{number}.png \(no such file in {photos}\)" for number in range(20, 25))
    message = f"some.txt: 7 of 27 images cannot be used: {named} and 2 more"
    with pytest.raises(UserError, match=f"{message}; .*leave them out with on_bad: skip"):
        opened(listing).sizes()
    assert sum(opened(listing, "?on_bad=skip").sizes().values()) == 20
    assert re.search(f"{message}; they are skipped", caplog.text)
    (photos / "20.png").write_bytes(encoded(picture(20)))
    with pytest.raises(UserError, match="6 of 27"):
        opened(listing).sizes()


def test_links_back_to_a_parent_do_not_loop(photos):
    (photos / "loop").symlink_to(photos, target_is_directory=True)
    assert sum(opened(photos).sizes().values()) == 20
