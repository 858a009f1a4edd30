"""Getting files from servers that work, and from those that do not."""

import hashlib

import pytest
from graftbench.bench.errors import UserError
from graftbench.datasets.downloads import check_file, download, downloads
from graftbench.datasets.google_drive import direct_link

BODY = bytes(range(256)) * 4000
HASH = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def place(cache):
    return downloads() / "set.zip"


def test_a_file_arrives_whole_and_progress_is_told(site, place):
    site.files["/set.zip"] = BODY
    told = []
    download(f"{site.url}/set.zip", place, lambda *what: told.append(what))
    assert place.read_bytes() == BODY
    assert told[-1] == ("set.zip", len(BODY), len(BODY))


def test_a_file_that_is_here_is_not_asked_for_again(site, place):
    site.files["/set.zip"] = BODY
    for _ in range(2):
        download(f"{site.url}/set.zip", place)
    assert len(site.asked) == 1


def test_a_redirect_is_followed(site, place):
    site.files["/real.zip"] = BODY
    site.redirects["/set.zip"] = "/real.zip"
    download(f"{site.url}/set.zip", place)
    assert place.read_bytes() == BODY


def test_a_redirect_to_a_local_file_is_not_followed(site, place):
    site.redirects["/set.zip"] = "file:///etc/passwd"
    with pytest.raises(UserError):
        download(f"{site.url}/set.zip", place)
    assert not place.exists()


def test_endless_redirects_are_one_line(site, place):
    site.redirects["/set.zip"] = "/set.zip"
    with pytest.raises(UserError, match="302"):
        download(f"{site.url}/set.zip", place)


def test_a_missing_file_is_one_line_with_the_hint(site, place):
    with pytest.raises(UserError, match=r"404 Not Found; or by hand$"):
        download(f"{site.url}/set.zip", place, hint="or by hand")
    assert not place.exists()


def test_a_web_page_is_not_taken_for_the_file(site, place):
    site.pages.add("/set.zip")
    with pytest.raises(UserError, match="sends a web page instead of the file"):
        download(f"{site.url}/set.zip", place)
    assert not place.exists()


def test_the_question_about_a_large_file_is_answered_and_the_download_resumes(site, place):
    site.files["/download"] = BODY
    site.confirm = {"/uc": f"{site.url}/download", "/download": "/download"}
    site.cut_after["/download"] = [300_000]
    download(f"{site.url}/uc?id=abc", place)
    assert place.read_bytes() == BODY
    assert [path for path, _ in site.asked] == ["/uc", "/download"] * 2
    assert site.asked[-1][1] == "bytes=300000-"


def test_a_question_that_leads_to_another_host_or_to_itself_is_not_answered(site, place):
    site.confirm = {"/uc": "http://elsewhere.invalid/download", "/again": "/page"}
    site.pages.add("/page")
    for path in ("uc", "again"):
        with pytest.raises(UserError, match="sends a web page instead of the file"):
            download(f"{site.url}/{path}", place)
    assert [path for path, _ in site.asked] == ["/uc", "/again", "/page"]
    assert not place.exists()


def test_the_title_of_a_web_page_is_told(site, place):
    site.confirm["/uc"] = "file:///etc/passwd"
    with pytest.raises(UserError, match="instead of the file; Google Drive - Virus scan warning; by hand"):
        download(f"{site.url}/uc", place, hint="by hand")


@pytest.mark.parametrize("shared", ["file/d/1a_B-2/view?usp=sharing", "open?id=1a_B-2", "uc?export=download&id=1a_B-2"])
def test_the_link_that_people_share_leads_to_the_file(shared):
    expected = "https://drive.usercontent.google.com/download?id=1a_B-2&export=download&confirm=t"
    assert direct_link(f"https://drive.google.com/{shared}") == expected
    assert direct_link("https://example.org/file.zip") == "https://example.org/file.zip"


def test_a_cut_connection_is_resumed_where_it_stopped(site, place):
    site.files["/set.zip"] = BODY
    site.cut_after["/set.zip"] = [300_000]
    download(f"{site.url}/set.zip", place)
    assert place.read_bytes() == BODY
    assert [span for _, span in site.asked] == ["", "bytes=300000-"]


def test_what_came_is_kept_for_the_next_command(site, place):
    site.files["/set.zip"] = BODY
    site.cut_after["/set.zip"] = [100_000, 100_000, 100_000]
    with pytest.raises(UserError, match="closed after 300,000 of 1,024,000 bytes; 300,000 bytes are kept"):
        download(f"{site.url}/set.zip", place)
    assert not place.exists()
    download(f"{site.url}/set.zip", place)
    assert place.read_bytes() == BODY
    assert site.asked[-1] == ("/set.zip", "bytes=300000-")
    assert sorted(path.name for path in place.parent.iterdir()) == ["set.zip", "set.zip.lock"]


def test_the_time_of_the_last_change_will_do_where_the_tag_is_weak(site, place):
    site.files["/set.zip"] = BODY
    site.unversioned["/set.zip"] = {"ETag": 'W/"1"', "Last-Modified": "Mon, 02 Nov 2026 10:00:00 GMT"}
    site.cut_after["/set.zip"] = [300_000]
    download(f"{site.url}/set.zip", place)
    assert place.read_bytes() == BODY
    assert [span for _, span in site.asked] == ["", "bytes=300000-"]


def test_nothing_is_promised_where_the_server_names_no_version(site, place):
    site.files["/set.zip"] = BODY
    site.unversioned["/set.zip"] = {}
    site.cut_after["/set.zip"] = [300_000] * 3
    with pytest.raises(UserError, match="names no version of the file, so that the next try starts again"):
        download(f"{site.url}/set.zip", place)
    download(f"{site.url}/set.zip", place)
    assert place.read_bytes() == BODY


def test_a_file_that_had_come_whole_is_not_got_again(site, place):
    """Killed between the last byte and the renaming."""
    site.files["/set.zip"] = BODY
    site.cut_after["/set.zip"] = [300_000] * 3
    with pytest.raises(UserError):
        download(f"{site.url}/set.zip", place)
    place.with_name("set.zip.partial").write_bytes(BODY)
    site.asked.clear()
    download(f"{site.url}/set.zip", place)
    assert place.read_bytes() == BODY
    assert [span for _, span in site.asked] == [f"bytes={len(BODY)}-"]


def test_two_versions_of_a_file_are_never_joined(site, place):
    site.files["/set.zip"] = BODY
    site.cut_after["/set.zip"] = [300_000] * 3
    with pytest.raises(UserError):
        download(f"{site.url}/set.zip", place)
    site.files["/set.zip"] = BODY[::-1]
    download(f"{site.url}/set.zip", place)
    assert place.read_bytes() == BODY[::-1]


def test_a_file_that_became_shorter_is_got_anew(site, place):
    site.files["/set.zip"] = BODY
    site.cut_after["/set.zip"] = [300_000] * 3
    with pytest.raises(UserError):
        download(f"{site.url}/set.zip", place)
    site.files["/set.zip"] = BODY[:1000]
    download(f"{site.url}/set.zip", place)
    assert place.read_bytes() == BODY[:1000]


def test_a_server_in_trouble_is_asked_again(site, place):
    site.files["/set.zip"] = BODY
    site.errors["/set.zip"] = [503, 500]
    download(f"{site.url}/set.zip", place)
    assert place.read_bytes() == BODY


def test_silence_and_a_drip_end_in_one_line(site, place):
    site.files["/set.zip"] = BODY
    site.stall.add("/set.zip")
    with pytest.raises(UserError, match=r"no data for 0\.2 s"):
        download(f"{site.url}/set.zip", place, patience=0.2)
    site.stall.clear()
    site.drip.add("/set.zip")
    with pytest.raises(UserError, match="slower than 1 kB/s"):
        download(f"{site.url}/set.zip", place, patience=0.2)


def test_no_server_is_one_line(place):
    with pytest.raises(UserError, match="refused"):
        download("http://127.0.0.1:9/set.zip", place)


def test_an_endless_answer_is_given_up(site, place, monkeypatch):
    monkeypatch.setattr("graftbench.datasets.downloads.LARGEST", 100_000)
    site.files["/set.zip"] = BODY
    with pytest.raises(UserError, match="sends more than"):
        download(f"{site.url}/set.zip", place)


def test_the_first_hash_is_recorded_and_enforced_from_then_on(place):
    place.parent.mkdir()
    place.write_bytes(BODY)
    check_file(place)
    assert HASH in (downloads() / "hashes.json").read_text()
    place.write_bytes(BODY[::-1])
    with pytest.raises(UserError, match=f"not {HASH} recorded when it was first fetched"):
        check_file(place)


def test_a_stated_hash_is_enforced_at_once(place):
    place.parent.mkdir()
    place.write_bytes(BODY)
    with pytest.raises(UserError, match="not 000 stated for it; delete the file and fetch it again"):
        check_file(place, "000")
    check_file(place, HASH)


def test_another_file_than_the_stated_one_never_takes_its_place(site, place):
    site.files["/set.zip"] = b"something else"
    with pytest.raises(UserError, match=f"sends a file whose sha256 is [0-9a-f]+, not {HASH} as stated; or by hand"):
        download(f"{site.url}/set.zip", place, hint="or by hand", expected={"sha256": HASH})
    assert not [path for path in place.parent.iterdir() if path.suffix != ".lock"]
    site.files["/set.zip"] = BODY
    download(f"{site.url}/set.zip", place, expected={"sha256": HASH, "md5": ""})
    assert place.read_bytes() == BODY


@pytest.mark.parametrize("text", ["{", "[1]", '{"set.zip": 3}'])
def test_a_damaged_list_of_hashes_is_one_line(place, text):
    place.parent.mkdir(parents=True)
    place.write_bytes(BODY)
    (place.parent / "hashes.json").write_text(text)
    with pytest.raises(UserError, match=r"hashes.json: is damaged .*delete it"):
        check_file(place)
