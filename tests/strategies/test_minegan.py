"""MineGAN with an identity miner is the source; the miner is trained alone first."""

import pytest
import torch
from graftbench.bench.registries import backbones
from graftbench.strategies import to_uint8
from graftbench.strategies.minegan import MineGAN
from graftbench.strategies.tiny import tiny_backbone, tiny_batch, tiny_setup, tiny_source


def prepared(strategy=None, backbone="dcgan", **options):
    strategy = strategy or MineGAN()
    strategy.prepare(tiny_setup(tiny_backbone(backbone), **options))
    return strategy


@pytest.mark.parametrize("backbone", backbones.names())
def test_an_identity_miner_reproduces_the_source(backbone):
    strategy = prepared(backbone=backbone)
    source = tiny_source(strategy.setup.backbone).make_generator().eval()
    latents = torch.randn(5, source.latent_dim, generator=torch.Generator().manual_seed(0))
    assert torch.equal(strategy.average.module.miner(latents), latents)
    with torch.no_grad():
        assert torch.equal(strategy.sample(5, torch.Generator().manual_seed(0)), to_uint8(source(latents)))
        strategy.average.module.miner[2].bias.fill_(1.0)
    assert not torch.equal(strategy.sample(5, torch.Generator().manual_seed(0)), to_uint8(source(latents)))


def test_first_the_miner_alone_is_trained_then_the_generator_too():
    strategy = prepared(MineGAN(mining=0.5), steps=4)

    def state(network):
        return torch.cat([tensor.detach().flatten().float() for tensor in network.state_dict().values()])

    for step, (miner_moves, generator_moves) in enumerate([(True, False), (True, False), (True, True), (True, True)]):
        miner, generator, judge = (
            state(n) for n in (strategy.generator.miner, strategy.generator.source, strategy.discriminator)
        )
        strategy.step(tiny_batch(strategy.setup, step))
        assert torch.equal(miner, state(strategy.generator.miner)) != miner_moves
        assert torch.equal(generator, state(strategy.generator.source)) != generator_moves
        assert not torch.equal(judge, state(strategy.discriminator))


def test_styles_that_are_mixed_in_are_mined_too():
    """A miner that knows one latent makes one image, also in training."""
    strategy = prepared(backbone="stylegan2")
    with torch.no_grad():
        for parameter in strategy.generator.miner[2].parameters():
            parameter.fill_(0.5)
    fakes = strategy.fake_images(strategy.latents(8)).detach()
    torch.testing.assert_close(fakes, fakes[:1].expand_as(fakes), rtol=0, atol=1e-5)
