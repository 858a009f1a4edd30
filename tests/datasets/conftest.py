"""A cache of its own for each test, and a folder of pictures."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pictures import encoded, picture
from server import Site, serving


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, so that no test sees the user's."""
    place = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("GRAFTBENCH_CACHE", str(place))
    return place


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of 20 different PNG pictures."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(20):
        (folder / f"{seed:02}.png").write_bytes(encoded(picture(seed)))
    return folder


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A loopback server; the downloader does not rest between its tries."""
    monkeypatch.setattr("graftbench.datasets.downloads.PAUSE", 0.0)
    with serving() as site:
        yield site
