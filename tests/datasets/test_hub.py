"""Image sets on the Hugging Face hub, fetched by its real client from a loopback server of the hub's shape."""

import hashlib
import io
import json
import os
import subprocess
import sys
import threading
import tracemalloc
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from graftbench.datasets.hub import _read
from pictures import encoded, picture

FILE = "data/train-00000-of-00001.parquet"
COMMIT = "a" * 40
DATASET = "huggan/few-shot-panda"


def parquet(count: int, column: str = "image") -> bytes:
    """As the datasets library stores images: a struct of the file's bytes and its path."""
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = [{"bytes": encoded(picture(i), "JPEG"), "path": f"{i}.jpg"} for i in range(count)]
    stream = io.BytesIO()
    pq.write_table(pa.table({column: pa.array(rows, kind)}), stream)
    return stream.getvalue()


@contextmanager
def hub(body: bytes):
    """The calls that the client makes for a snapshot: the repository's facts, its files, and each file."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments) -> None:
            """Say nothing."""

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path.startswith(f"/api/datasets/{DATASET}/tree/"):
                oid = hashlib.sha256(body).hexdigest()
                self._answer(json.dumps([{"type": "file", "path": FILE, "size": len(body), "oid": oid}]).encode())
            elif path.startswith(f"/api/datasets/{DATASET}"):
                facts = {"id": DATASET, "sha": COMMIT, "private": False, "siblings": [{"rfilename": FILE}]}
                self._answer(json.dumps(facts | {"tags": [], "downloads": 0, "likes": 0}).encode())
            elif path == f"/datasets/{DATASET}/resolve/{COMMIT}/{FILE}":
                self._answer(body, ETag=f'"{hashlib.sha256(body).hexdigest()}"', X_Repo_Commit=COMMIT)
            else:
                self._answer(b'{"error": "Repository not found"}', 404, X_Error_Code="RepoNotFound")

        def _answer(self, content: bytes, status: int = 200, **headers: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


SCRIPT = """
import sys
from graftbench.bench.errors import UserError
from graftbench.datasets import open_domain
try:
    domain = open_domain(sys.argv[1])
    print(domain.present())
    if sys.argv[2] == "fetch":
        print(domain.fetch())
    print(domain.sizes(), domain.listed.names[7])
except UserError as error:
    print("UserError:", error)
"""


def ask(tmp_path: Path, endpoint: str, name: str, what: str, **environment: str) -> str:
    """What a new process says: the hub's client reads its settings when it is imported."""
    settings = {"HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_XET": "1"} | environment
    command = [sys.executable, "-c", SCRIPT, name, what]
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["few-shot-panda", f"hub:{DATASET}"])
def test_a_parquet_set_is_fetched_by_the_real_client_and_is_there_offline(tmp_path, name):
    with hub(parquet(100)) as endpoint:
        first = ask(tmp_path, endpoint, name, "fetch").splitlines()
    assert first[0] == "False"
    assert first[1] == str(tmp_path / "hf" / "hub" / "datasets--huggan--few-shot-panda" / "snapshots" / COMMIT)
    assert first[2] == "{'shots': 40, 'validation': 20, 'reference': 40} row 7 (7.jpg)"
    offline = ask(tmp_path, "http://127.0.0.1:9", name, "read", HF_HUB_OFFLINE="1").splitlines()
    assert offline == ["True", first[2]]


def test_a_set_of_which_parts_are_missing_is_not_taken_for_the_whole(tmp_path):
    with hub(parquet(100)) as endpoint:
        ask(tmp_path, endpoint, "few-shot-panda", "fetch")
    (file,) = (tmp_path / "hf").rglob("snapshots/*/data/*.parquet")
    file.rename(file.with_name("train-00000-of-00003.parquet"))
    said = ask(tmp_path, "http://127.0.0.1:9", "few-shot-panda", "read", HF_HUB_OFFLINE="1").splitlines()
    missing = "2 parts of huggan/few-shot-panda are not here; run `graftbench fetch few-shot-panda`"
    assert said == ["False", f"UserError: few-shot-panda: {missing}"]


def test_what_the_hub_does_not_have_is_one_line(tmp_path):
    with hub(parquet(10)) as endpoint:
        said = ask(tmp_path, endpoint, "hub:nobody/nothing", "fetch").splitlines()
    assert said[-1].startswith("UserError: hub:nobody/nothing: the hub does not give nobody/nothing")
    assert len(said) == 2


def test_offline_without_the_files_is_one_line(tmp_path):
    said = ask(tmp_path, "http://127.0.0.1:9", "few-shot-panda", "read", HF_HUB_OFFLINE="1").splitlines()
    assert said == ["False", "UserError: few-shot-panda is not here; run `graftbench fetch few-shot-panda`"]
    assert "UserError" in ask(tmp_path, "http://127.0.0.1:9", "few-shot-panda", "fetch", HF_HUB_OFFLINE="1")


def test_a_set_without_images_and_a_broken_file_are_one_line(tmp_path):
    with hub(parquet(100, column="image").replace(b"PAR1", b"RAP1")) as endpoint:
        assert "not readable parquet" in ask(tmp_path, endpoint, "few-shot-panda", "fetch")
    stream = io.BytesIO()
    pq.write_table(pa.table({"text": ["no", "pictures"]}), stream)
    with hub(stream.getvalue()) as endpoint:
        assert "has no image column" in ask(tmp_path / "other", endpoint, "few-shot-panda", "fetch")


def test_the_images_are_not_read_to_learn_their_names(tmp_path):
    size, rows = 2**20, 16
    images = [{"bytes": os.urandom(size), "path": f"{i}.png"} for i in range(rows)] + [
        None,
        {"bytes": None, "path": ""},
    ]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pq.write_table(pa.table({"image": pa.array(images, kind)}), tmp_path / "images.parquet")
    tracemalloc.start()
    try:
        found = _read("a set", [tmp_path / "images.parquet"], (0, 0, 0))
        assert tracemalloc.get_traced_memory()[1] < rows * size / 4
    finally:
        tracemalloc.stop()
    assert found.names[:2] == ["row 0 (0.png)", "row 1 (1.png)"] and found.names[-2:] == ["row 16", "row 17"]
    assert found.read(3) == images[3]["bytes"]
    for absent in (16, 17):
        with pytest.raises(OSError, match="holds a path and no image"):
            found.read(absent)


def test_a_column_without_paths_is_named_by_its_rows(tmp_path):
    images = pa.array([{"bytes": b"x"}], pa.struct([("bytes", pa.binary())]))
    pq.write_table(pa.table({"image": images}), tmp_path / "images.parquet")
    assert _read("a set", [tmp_path / "images.parquet"], (0, 0, 0)).names == ["row 0"]
