"""The VAE optimises the bound that it says it does."""

import torch
from graftbench.strategies.tiny import tiny_batch, tiny_setup
from graftbench.strategies.vae import VAE, gaussian_nll, kl_to_prior
from graftbench.strategies.vae_finetune import VAEFineTune
from torch.distributions import Independent, Normal, kl_divergence


def test_kl_equals_the_closed_form():
    mean, log_variance = torch.randn(5, 7), torch.randn(5, 7)
    posterior = Independent(Normal(mean, (log_variance / 2).exp()), 1)
    prior = Independent(Normal(torch.zeros(5, 7), torch.ones(5, 7)), 1)
    torch.testing.assert_close(kl_to_prior(mean, log_variance), kl_divergence(posterior, prior))


def test_kl_equals_its_monte_carlo_estimate():
    mean, log_variance = torch.tensor([[0.5, -1.0]]), torch.tensor([[0.3, -0.7]])
    posterior = Independent(Normal(mean, (log_variance / 2).exp()), 1)
    prior = Independent(Normal(torch.zeros(1, 2), torch.ones(1, 2)), 1)
    torch.manual_seed(0)
    drawn = posterior.sample((200_000,))
    estimate = (posterior.log_prob(drawn) - prior.log_prob(drawn)).mean(0)
    torch.testing.assert_close(kl_to_prior(mean, log_variance), estimate, rtol=0, atol=0.02)


def test_reconstruction_is_the_gaussian_likelihood_at_its_best_scale():
    torch.manual_seed(0)
    images, means = torch.randn(4, 3, 8, 8), torch.randn(4, 3, 8, 8)
    best = (images - means).square().mean().sqrt()
    nll = [-Normal(means, best * factor).log_prob(images).sum() / 4 for factor in (0.9, 1.0, 1.1)]
    torch.testing.assert_close(gaussian_nll(images, means), nll[1])
    assert nll[1] < min(nll[0], nll[2])


def test_a_perfect_reconstruction_has_a_finite_likelihood():
    images = torch.zeros(2, 3, 4, 4)
    assert gaussian_nll(images, images).isfinite()


def test_the_negative_elbo_falls():
    setup = tiny_setup(batch=8)
    strategy = VAE()
    strategy.prepare(setup)
    bounds = [strategy.step(tiny_batch(setup, step))["negative_elbo"] for step in range(120)]
    assert torch.stack(bounds[-10:]).mean() < torch.stack(bounds[:10]).mean() - 1000


def test_more_weight_on_the_prior_brings_the_posterior_nearer_to_it():
    divergence = {}
    for beta in (0.1, 10.0):
        setup = tiny_setup(batch=8)
        strategy = VAE(beta=beta)
        strategy.prepare(setup)
        divergence[beta] = [strategy.step(tiny_batch(setup, step))["kl"] for step in range(80)][-1]
    assert divergence[10.0] < divergence[0.1] / 2


def test_fine_tuning_starts_from_both_networks_of_the_source_vae():
    setup = tiny_setup()
    strategy = VAEFineTune()
    strategy.prepare(setup)
    for role in ("generator", "encoder"):
        network, source = getattr(strategy, role), setup.source.networks[role]
        assert all(torch.equal(tensor, source[name]) for name, tensor in network.state_dict().items())
    strategy.step(tiny_batch(setup, 0))
    assert all(not torch.equal(w, setup.source.networks["encoder"][n]) for n, w in strategy.encoder.named_parameters())
