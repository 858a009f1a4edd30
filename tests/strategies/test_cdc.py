"""CDC's consistency is a divergence that vanishes at the source; anchors meet the image discriminator only."""

import pytest
import torch
from graftbench.bench import parallel
from graftbench.bench.registries import backbones
from graftbench.strategies.cdc import ANCHOR_SD, CDC, log_similarities
from graftbench.strategies.tiny import tiny_backbone, tiny_batch, tiny_setup


def prepared(backbone="dcgan", **options):
    strategy = CDC(**options)
    strategy.prepare(tiny_setup(tiny_backbone(backbone)))
    return strategy


@pytest.mark.parametrize("backbone", backbones.names())
def test_the_inconsistency_is_zero_at_the_source_and_positive_away_from_it(backbone):
    strategy = prepared(backbone)
    latents = torch.randn(4, strategy.generator.latent_dim, generator=torch.Generator().manual_seed(0))
    assert all(strategy.inconsistency(latents) == 0 for _ in range(5))
    with torch.no_grad():
        for parameter in strategy.generator.parameters():
            parameter.add_(0.3 * parameter.std(unbiased=False) * torch.randn_like(parameter))
    values = [strategy.inconsistency(latents).item() for _ in range(5)]
    assert min(values) > 0 and len(set(values)) > 1  # layers differ


def test_similarities_are_a_softmax_of_cosines_to_the_others():
    features = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    rows = log_similarities(features).exp()
    assert rows.shape == (4, 3)
    cosines = [torch.cosine_similarity(features[1].flatten(), features[j].flatten(), dim=0) for j in (0, 2, 3)]
    assert torch.allclose(rows[1], torch.stack(cosines).softmax(0), atol=1e-6)
    assert torch.allclose(log_similarities(7 * features).exp(), rows, atol=1e-6)


def test_one_step_of_four_is_near_the_anchors_and_judges_whole_images():
    strategy = prepared()
    real = tiny_batch(strategy.setup, 0)
    assert len(strategy.anchors) == len(strategy.setup.shots)
    shapes, distances = [], []
    latents = strategy.latents
    strategy.observe = lambda logits: shapes.append(logits.ndim)
    strategy.latents = lambda count: (
        distances.append(torch.cdist(latents(count), strategy.anchors).amin(1)) or latents(count)
    )
    for _ in range(8):
        strategy.step(real)
    assert shapes == [1, 2, 2, 2, 1, 2, 2, 2]
    near = [bool((d < 3 * ANCHOR_SD * strategy.generator.latent_dim**0.5).all()) for d in distances]
    assert near == [True, False, False, False] * 2


def test_the_patch_head_sees_the_block_of_its_resolution():
    for resolution in (8, 16):
        judge = prepared(patch_resolution=resolution).discriminator
        assert judge.blocks[judge.block].resolution == resolution
        judge.patches = True
        assert judge(torch.zeros(2, 3, 32, 32)).shape == (2, (resolution - 2) ** 2)


def test_whole_images_are_judged_as_by_the_source_discriminator():
    strategy = prepared()
    real = tiny_batch(strategy.setup, 0)
    with torch.no_grad():
        assert torch.equal(strategy.discriminator(real), strategy.setup.source.make_discriminator()(real))


def test_autocast_does_not_round_the_similarities():
    features = torch.randn(4, 64, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = log_similarities(features)
    assert torch.equal(rounded, log_similarities(features))


def test_two_processes_share_the_anchors_and_what_is_near_them(monkeypatch):
    one = prepared()
    one.near_anchors = True
    whole = one.latents(6)
    assert (torch.cdist(whole, one.anchors).amin(1) < 3).all(), "a tenth of a deviation in each of 128 directions"
    monkeypatch.setattr(parallel, "processes", lambda: 2)
    for rank in (0, 1):
        monkeypatch.setattr(parallel, "rank", lambda rank=rank: rank)
        two = prepared()
        assert torch.equal(two.anchors, one.anchors)
        two.near_anchors = True
        assert torch.equal(two.latents(3), whole[rank::2])


def test_styles_are_mixed_in_patch_steps_and_for_the_path_lengths_only():
    """Both regularisers are lazy, and their steps are those near the anchors."""
    strategy = prepared("stylegan2")
    mixed, draw = [], strategy.mixing_latents
    strategy.mixing_latents = lambda count: mixed.append(draw(count)) or mixed[-1]
    for step in range(4):
        strategy.step(tiny_batch(strategy.setup, step))
        if step == 0:
            assert [latents is None for latents in mixed] == [True, False]
            assert (strategy.path_length_mean != 0).item()
            mixed.clear()
    assert mixed and all(latents is not None for latents in mixed)


def test_the_path_lengths_are_those_of_latents_anywhere():
    strategy = prepared("stylegan2")
    strategy.anchors.fill_(100.0)
    seen, lengths = [], strategy.generator.path_lengths
    strategy.generator.path_lengths = lambda latents, *rest: seen.append(latents) or lengths(latents, *rest)
    strategy.step(tiny_batch(strategy.setup, 0))
    assert len(seen) == 1 and seen[0].abs().max() < 10
