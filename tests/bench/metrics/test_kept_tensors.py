"""Kept features save time, and nothing else depends on them."""

import torch
from graftbench.bench.metrics.cache import cached_tensor


def test_a_kept_tensor_is_not_computed_again_and_a_damaged_one_is(tmp_path, caplog):
    made = []

    def compute():
        made.append(len(made))
        return torch.arange(3.0)

    assert all(torch.equal(cached_tensor(tmp_path, "key", compute), torch.arange(3.0)) for _ in range(2))
    assert made == [0]
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(b"torn")
    assert torch.equal(cached_tensor(tmp_path, "key", compute), torch.arange(3.0)) and made == [0, 1]
    assert "does not read" in caplog.text


def test_a_folder_that_cannot_be_written_costs_no_result(tmp_path, caplog):
    (tmp_path / "file").write_text("no folder")
    assert torch.equal(cached_tensor(tmp_path / "file/cache", "key", lambda: torch.ones(2)), torch.ones(2))
    assert "cannot be kept" in caplog.text
