"""FreezeD freezes exactly the blocks down to its resolution, on every backbone."""

import copy

import pytest
import torch
from graftbench.bench.errors import UserError
from graftbench.bench.registries import backbones
from graftbench.strategies.frozen_d import FrozenD
from graftbench.strategies.tiny import tiny_backbone, tiny_batch, tiny_setup


def tensors(module):
    return dict(module.state_dict())


@pytest.mark.parametrize("backbone", backbones.names())
@pytest.mark.parametrize("down_to", [8, 16])
def test_blocks_down_to_the_resolution_stay_bit_identical_and_the_others_move(backbone, down_to):
    setup = tiny_setup(tiny_backbone(backbone))
    strategy = FrozenD(down_to=down_to)
    strategy.prepare(setup)
    before = copy.deepcopy(strategy.discriminator)
    for step in range(3):
        strategy.step(tiny_batch(setup, step))
    resolutions = {block.resolution for block in before.blocks}
    assert any(r >= down_to for r in resolutions) and any(r < down_to for r in resolutions)
    for old, new in zip(before.blocks, strategy.discriminator.blocks, strict=True):
        for old_module, new_module in zip(old.modules, new.modules, strict=True):
            state = tensors(new_module)
            same = [torch.equal(tensor, state[name]) for name, tensor in tensors(old_module).items()]
            frozen = old.resolution >= down_to
            assert all(same) if frozen else not any(torch.equal(a, b) for a, b in weights(old_module, new_module))
    assert not any(torch.equal(a, b) for a, b in weights(before.head, strategy.discriminator.head))


def weights(before, after):
    """The weight matrices (a bias may happen to have no gradient)."""
    pairs = zip(before.parameters(), after.parameters(), strict=True)
    return [(a, b) for a, b in pairs if a.dim() > 1]


def test_frozen_blocks_are_not_counted_as_trained():
    strategy = FrozenD(down_to=8)
    strategy.prepare(tiny_setup())
    trained = {id(p) for p in strategy.trained()["discriminator"]}
    for block in strategy.discriminator.blocks:
        assert all((id(p) in trained) == (block.resolution < 8) for p in block.parameters())


def test_a_resolution_at_which_nothing_is_frozen_is_refused():
    with pytest.raises(UserError, match="down_to=32 freezes no block here; the largest has 16 px"):
        FrozenD(down_to=32).prepare(tiny_setup())
