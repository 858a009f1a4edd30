"""Checkpoints hold nested state exactly, and a damaged one never costs the last good one."""

import math

import pytest
import torch
from graftbench.bench.checkpoint import NEWEST, PREVIOUS, load_checkpoint, save_checkpoint

STATE = {
    "network": {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.tensor(1.5)},
    "rng": torch.Generator().manual_seed(3).get_state(),
    "groups": [{"lr": 1e-3, "betas": (0.0, 0.99), "params": [0, 1], "fused": True, "none": None}],
    "state": {0: {"step": torch.tensor(4.0)}},
    "curve": [{"kid": math.nan}],
    "empty": torch.zeros(0, 3),
}


def same(a, b) -> bool:
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return a == b or (a != a and b != b)


def test_nested_state_comes_back_exactly(tmp_path):
    save_checkpoint(tmp_path, STATE)
    assert same(load_checkpoint(tmp_path), STATE)


def test_tensors_that_share_memory_are_kept_apart(tmp_path):
    shared = torch.ones(3)
    save_checkpoint(tmp_path, {"a": shared, "b": shared[:2]})
    assert torch.equal(load_checkpoint(tmp_path)["b"], torch.ones(2))


@pytest.mark.parametrize("damage", ["truncated", "flipped", "number", "empty"])
def test_a_damaged_newest_checkpoint_falls_back_to_the_previous(tmp_path, damage):
    save_checkpoint(tmp_path, {"step": 1, "w": torch.zeros(100)})
    save_checkpoint(tmp_path, {"step": 2, "w": torch.ones(100)})
    newest = tmp_path / NEWEST
    content = bytearray(newest.read_bytes())
    if damage == "flipped":
        content[-5] ^= 1
    if damage == "number":
        plain = rb"\"value\": 2}"
        assert content.count(plain) == 1
        content = content.replace(plain, rb"\"value\": 7}")
    newest.write_bytes(b"" if damage == "empty" else content[:-50] if damage == "truncated" else content)
    assert load_checkpoint(tmp_path)["step"] == 1
    save_checkpoint(tmp_path, {"step": 3, "w": torch.ones(100)})
    assert load_checkpoint(tmp_path)["step"] == 3
    newest.write_bytes(b"")
    assert load_checkpoint(tmp_path)["step"] == 1, "the damaged file must not have pushed out the good one"


def test_a_kill_between_the_two_writes_leaves_the_old_state(tmp_path):
    save_checkpoint(tmp_path, {"step": 1})
    (tmp_path / NEWEST).replace(tmp_path / PREVIOUS)
    assert load_checkpoint(tmp_path) == {"step": 1}


def test_no_checkpoint_is_none(tmp_path):
    assert load_checkpoint(tmp_path) is None


def test_an_object_is_refused(tmp_path):
    with pytest.raises(TypeError, match="/thing is a object"):
        save_checkpoint(tmp_path, {"thing": object()})
