"""The joint GAN is domain-conditional, and is fine-tuning when the source counts nothing."""

import pytest
import torch
from graftbench.bench import parallel
from graftbench.bench.errors import UserError
from graftbench.bench.hyperparameters import check_params
from graftbench.strategies.finetune import FineTune
from graftbench.strategies.multitask import Multitask
from graftbench.strategies.tiny import tiny_backbone, tiny_batch, tiny_setup


def trained(strategy, steps=3):
    setup = tiny_setup()
    strategy.prepare(setup)
    losses = [strategy.step(tiny_batch(setup, step)) for step in range(steps)]
    return strategy, losses


def images_of(strategy):
    return strategy.sample(6, torch.Generator().manual_seed(0))


def test_weight_zero_is_exactly_the_single_task_form():
    joint, joint_losses = trained(Multitask(weight=0.0))
    single, single_losses = trained(FineTune())
    assert joint_losses == single_losses
    for role, network in single.networks().items():
        for name, tensor in network.state_dict().items():
            assert torch.equal(tensor, joint.networks()[role].state_dict()[name]), (role, name)
    assert torch.equal(images_of(joint), images_of(single))


def test_the_source_task_changes_what_the_shared_trunks_learn():
    light, _ = trained(Multitask(weight=0.05))
    heavy, _ = trained(Multitask(weight=2.0))
    assert not torch.equal(images_of(light), images_of(heavy))


def test_both_domains_start_as_the_source_and_then_part():
    strategy = Multitask()
    setup = tiny_setup()
    strategy.prepare(setup)
    assert not strategy.embedding.weight.any()
    heads = strategy.discriminator.target.head, strategy.discriminator.source_head
    pairs = list(zip(*(head.parameters() for head in heads), strict=True))
    assert all(torch.equal(ours, theirs) for ours, theirs in pairs)
    strategy.step(tiny_batch(setup, 0))
    assert strategy.embedding.weight.any()
    assert all(not torch.equal(ours, theirs) for ours, theirs in pairs)


def test_each_head_sees_its_own_domain_only():
    strategy = Multitask(ratio=1.0)
    setup = tiny_setup()
    strategy.prepare(setup)
    real = tiny_batch(setup, 0)
    network = strategy.discriminator
    network.counts = len(real) - 1, 1
    with torch.no_grad():
        network.source_head.weight.zero_()
        network.source_head.bias.fill_(7.0)
        logits = network(real)
    assert logits[-1] == 7.0 and not (logits[:-1] == 7.0).any()


def test_a_joint_batch_adds_the_stated_ratio_of_real_source_images():
    strategy = Multitask(ratio=0.5)
    setup = tiny_setup()
    seen = []
    strategy.prepare(setup)
    update = strategy.update_discriminator
    strategy.update_discriminator = lambda real, fake: seen.append(real) or update(real, fake)
    real = tiny_batch(setup, 0)
    strategy.step(real)
    assert torch.equal(seen[0][: len(real)], real) and len(seen[0]) == len(real) * 1.5
    source = strategy.source_images.float().div(127.5).sub(1)
    for image in seen[0][len(real) :]:
        assert ((source - image).abs().amax(dim=(1, 2, 3)) < 1e-6).any()


def test_path_length_sees_target_latents_too():
    """It takes half a batch: as many of the target's in proportion as in a whole one."""
    strategy = Multitask(ratio=1.0)
    strategy.prepare(tiny_setup())
    strategy.discriminator.counts = 4, 4
    with torch.no_grad():
        strategy.embedding.weight.fill_(100.0)
        moved = strategy.latents(4).mean(1) > 50
    assert moved.tolist() == [False, False, True, True]


def test_ada_sees_the_target_logits_of_all_processes():
    strategy = Multitask(ratio=0.5)
    strategy.prepare(tiny_setup())
    strategy.discriminator.counts = 4, 2
    seen = []
    strategy.augmentation.observe = seen.append
    strategy.observe(torch.arange(12.0))  # gathered from two processes
    assert seen[0].tolist() == list(range(8))


def test_each_process_takes_source_images_of_its_own(monkeypatch):
    def source_images(rank):
        monkeypatch.setattr(parallel, "rank", lambda: rank)
        strategy = Multitask()
        setup = tiny_setup()
        strategy.prepare(setup)
        strategy.update_discriminator = lambda real, fake: seen.append(real[setup.batch :]) or {}
        strategy.update_generator = lambda latents, fake: {}
        seen = []
        strategy.step(tiny_batch(setup, 0))
        return seen[0]

    monkeypatch.setattr(parallel, "processes", lambda: 2)
    monkeypatch.setattr(parallel, "synchronise_batch_norm", lambda network: None)
    assert not torch.equal(source_images(0), source_images(1))


def test_its_moving_average_is_as_long_as_that_of_finetune():
    assert trained(Multitask())[0].average.images == trained(FineTune())[0].average.images


def test_a_ratio_that_asks_for_no_source_image_is_refused():
    with pytest.raises(UserError, match=r"multitask.ratio must be at least 0.01, not 0"):
        check_params("multitask", {"ratio": 0})


def test_styles_that_are_mixed_into_a_source_image_are_of_the_source_too():
    strategy = Multitask(ratio=1.0)
    setup = tiny_setup(tiny_backbone("stylegan2"))
    strategy.prepare(setup)
    with torch.no_grad():
        strategy.embedding.weight.fill_(100.0)
    strategy.discriminator.counts = 4, 4
    moved = strategy.mixing_latents(8).mean(1) > 50
    assert moved.tolist() == [False] * 4 + [True] * 4


def test_what_only_training_needs_counts_among_its_parameters():
    strategy, _ = trained(Multitask(), steps=1)
    assert strategy.trainable_count() == strategy.parameter_count()
    single, _ = trained(Multitask(weight=0.0), steps=1)
    assert single.parameter_count() == trained(FineTune(), steps=1)[0].parameter_count() < strategy.parameter_count()
