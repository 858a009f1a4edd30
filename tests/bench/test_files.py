"""Stored files take the place of others whole, and can be read by whom the user's umask lets read them."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from graftbench.bench.errors import UserError
from graftbench.bench.files import cache_root, replacing, write_atomically
from safetensors.torch import save_file


@pytest.mark.parametrize("umask", [0o022, 0o027])
def test_weights_and_text_get_the_permissions_of_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "text", "words")
        with replacing(tmp_path / "weights") as temporary:
            save_file({"a": torch.zeros(2)}, temporary)
    finally:
        os.umask(before)
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("text", "weights")}
    assert modes == {0o666 & ~umask}


def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path):
    write_atomically(tmp_path / "text", "old")
    with pytest.raises(RuntimeError), replacing(tmp_path / "text") as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError
    assert (tmp_path / "text").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["text"]


def test_a_full_disk_is_named_by_the_file_that_was_to_be_written(tmp_path):
    with pytest.raises(OSError, match="No space") as full, replacing(tmp_path / "text"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert full.value.filename == str(tmp_path / "text")


def test_what_is_too_large_for_the_disk_is_said_of_weights_as_of_text(tmp_path):
    code = "import resource, sys; from pathlib import Path; from graftbench.bench.files import replacing\n"
    code += "from safetensors.numpy import save_file; import numpy as np\n"
    code += "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
    code += "try:\n    with replacing(Path('weights')) as temporary: save_file({'a': np.zeros(1000)}, temporary)\n"
    code += "except OSError as error: sys.exit(f'{error.filename} {error.errno}')"
    done = subprocess.run([sys.executable, "-B", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr.strip() == f"weights {errno.EFBIG}" and list(tmp_path.iterdir()) == []


def test_a_user_without_a_home_folder_is_told_what_to_set(monkeypatch):
    monkeypatch.delenv("GRAFTBENCH_CACHE", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(UserError, match="set GRAFTBENCH_CACHE to a folder"):
        cache_root()


def no_home():
    raise RuntimeError("Could not determine home directory.")
