"""Logits come in float32 also where autocast computes in bfloat16, so that losses are not rounded."""

import pytest
import torch
from graftbench.strategies.cdc import CDC
from graftbench.strategies.feature_d import FeatureD
from graftbench.strategies.finetune import FineTune
from graftbench.strategies.multitask import Multitask
from graftbench.strategies.tiny import tiny_batch, tiny_setup


@pytest.mark.parametrize("kind", [FineTune, Multitask, CDC, FeatureD])
def test_logits_are_float32(kind):
    strategy = kind()
    setup = tiny_setup()
    strategy.prepare(setup)
    strategy.discriminator.patches, strategy.discriminator.counts = True, (1, 1)  # cdc's and multitask's second heads
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert strategy.discriminator(tiny_batch(setup, 0)).dtype == torch.float32
