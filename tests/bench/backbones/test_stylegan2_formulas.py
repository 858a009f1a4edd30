"""StyleGAN2's layers and regularisers against written-out reference formulas."""

import math

import numpy as np
import pytest
import torch
from graftbench.bench.backbones import make_backbone
from graftbench.bench.backbones.stylegan2.discriminator import ResidualBlock
from graftbench.bench.backbones.stylegan2.filters import Blur, Upsample
from graftbench.bench.backbones.stylegan2.layers import EqualLinear, MinibatchStd, ModulatedConv2d
from graftbench.bench.errors import UserError
from graftbench.bench.source import load_exactly
from scipy import signal
from torch import nn
from torch.nn import functional

KERNEL = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def explicit_modulated_convolution(layer: ModulatedConv2d, x, w):
    """One convolution for each image with its own weight (StyleGAN2, eq. 1 to 3), by loops over images."""
    style = w @ (layer.modulation.weight / math.sqrt(w.shape[1])).T + layer.modulation.bias
    outputs = []
    for image, scales in zip(x, style, strict=True):
        weight = layer.weight[0] / math.sqrt(layer.weight[0, 0].numel()) * scales[None, :, None, None]
        if layer.demodulate:
            weight = weight / (weight.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if layer.upsample:
            y = functional.conv_transpose2d(image[None], weight.transpose(0, 1), stride=2)[0]
            y = np.stack([signal.convolve2d(np.pad(c, 1), KERNEL * 4, mode="valid") for c in y.detach().numpy()])
            outputs.append(torch.from_numpy(y))
        else:
            outputs.append(functional.conv2d(image[None], weight, padding=weight.shape[-1] // 2)[0])
    return torch.stack(outputs)


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("upsample", [True, False])
def test_modulated_convolution_equals_the_explicit_one_for_each_sample(demodulate, upsample):
    layer = ModulatedConv2d(5, 6, 3, 7, demodulate=demodulate, upsample=upsample).double()
    x, w = torch.randn(3, 5, 8, 8).double(), torch.randn(3, 7).double()
    torch.testing.assert_close(layer(x, w), explicit_modulated_convolution(layer, x, w), rtol=1e-6, atol=1e-6)


def test_demodulated_output_has_unit_variance_for_unit_input():
    layer = ModulatedConv2d(64, 64, 3, 16)
    y = layer(torch.randn(4, 64, 32, 32), 3 * torch.randn(4, 16))[:, :, 1:-1, 1:-1]
    assert y.std().item() == pytest.approx(1.0, abs=0.03)


def test_blur_equals_scipy_convolution():
    x = torch.randn(2, 3, 9, 9)
    expected = [[signal.convolve2d(np.pad(c, 2), KERNEL, mode="valid") for c in image] for image in x.numpy()]
    np.testing.assert_allclose(Blur(padding=2)(x).numpy(), np.array(expected), atol=1e-6)


def test_blur_convolves_rather_than_correlates():
    blur = Blur(padding=3)
    blur.kernel.copy_(torch.arange(16.0).reshape(4, 4))
    x = torch.randn(1, 1, 6, 6)
    expected = signal.convolve2d(x[0, 0].numpy(), blur.kernel.numpy(), mode="full")
    np.testing.assert_allclose(blur(x)[0, 0].numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("make", [lambda: Blur(1, gain=4.0), lambda: Blur(2), lambda: Blur(1, stride=2), Upsample])
@pytest.mark.parametrize("size", [(4, 4), (8, 6), (5, 7)])
def test_as_matrices_the_filters_compute_what_they_do_as_convolutions(make, size):
    """The form that a GPU runs, for a kernel of any two vectors, and its gradients of first and second order."""
    filtering = make()
    state = filtering.state_dict()
    state["kernel"] = torch.outer(torch.tensor([1.0, 2.0, 4.0, 3.0]), torch.tensor([0.5, -1.0, 2.0, 3.0]))
    filtering.load_state_dict(state)
    x = torch.randn(2, 3, *size)
    torch.testing.assert_close(filtering.as_matrices(x), filtering(x), rtol=1e-5, atol=1e-5)
    x = x[:1, :1].double().requires_grad_(True)
    assert torch.autograd.gradcheck(filtering.as_matrices, x)
    assert torch.autograd.gradgradcheck(filtering.as_matrices, x)
    torch.testing.assert_close(filtering.as_matrices(x), filtering.double()(x), rtol=1e-6, atol=1e-6)


def test_a_matrix_made_inside_a_transform_is_an_ordinary_one_afterwards():
    """EWC takes gradients of each image with ``torch.func``; evaluation runs in inference mode."""
    filtering, x = Blur(2, gain=1.25), torch.randn(3, 2, 11, 13)
    expected = torch.func.vmap(torch.func.grad(lambda image: filtering(image[None]).square().sum()))(x)
    found = torch.func.vmap(torch.func.grad(lambda image: filtering.as_matrices(image[None]).square().sum()))(x)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    with torch.inference_mode():
        Upsample().as_matrices(x)
    for each in (filtering, Upsample()):
        y = x.clone().requires_grad_(True)
        torch.testing.assert_close(each.as_matrices(y), each(y))
        each.as_matrices(y).sum().backward()


@pytest.mark.parametrize(
    "kernel",
    [torch.arange(16.0).reshape(4, 4) ** 2, 1e-6 * torch.eye(4), torch.zeros(4, 4), torch.full((4, 4), math.nan)],
    ids=["of full rank", "small", "zero", "not finite"],
)
def test_a_filter_of_other_weights_than_two_vectors_is_refused(kernel):
    generator = make_backbone("stylegan2", 32, 4).make_generator()
    state = generator.state_dict()
    state["convs.0.conv.blur.kernel"] = kernel
    with pytest.raises(UserError, match=r"generator: convs\.0\.conv\.blur\.kernel is no low-pass filter"):
        load_exactly(generator, state, "generator")


def test_upsampling_equals_zero_insertion_and_scipy_convolution():
    x = torch.randn(1, 1, 5, 5)
    spread = np.zeros((10, 10))
    spread[::2, ::2] = x[0, 0].numpy()
    expected = signal.convolve2d(np.pad(spread, ((2, 1), (2, 1))), KERNEL * 4, mode="valid")
    np.testing.assert_allclose(Upsample()(x)[0, 0].numpy(), expected, atol=1e-6)


def test_discriminator_block_equals_blur_then_strided_convolution():
    block = ResidualBlock(3, 4)
    x = torch.randn(2, 3, 8, 8)

    def blurred(x, padding):
        return torch.tensor(
            np.array([[signal.convolve2d(np.pad(c, padding), KERNEL, mode="valid") for c in i] for i in x.numpy()])
        ).float()

    def activated(x, bias):
        return functional.leaky_relu(x + bias[:, None, None], 0.2) * math.sqrt(2)

    with torch.no_grad():
        for part in (block.conv1[1], block.conv2[2]):
            part.bias.normal_()
        y = activated(functional.conv2d(x, block.conv1[0].weight / math.sqrt(27), padding=1), block.conv1[1].bias)
        y = functional.conv2d(blurred(y, 2), block.conv2[1].weight / math.sqrt(27), stride=2)
        skip = functional.conv2d(blurred(x, 1), block.skip[1].weight / math.sqrt(3), stride=2)
        expected = (activated(y, block.conv2[2].bias) + skip) / math.sqrt(2)
        torch.testing.assert_close(block(x), expected)


def test_equalised_linear_layer_applies_its_scale_and_learning_rate():
    layer = EqualLinear(4, 3, bias=0.5, lr_multiplier=0.01, activate=True)
    x = torch.randn(2, 4)
    expected = functional.leaky_relu(x @ (layer.weight * 0.01 / 2).T + 0.005, 0.2) * math.sqrt(2)
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize(("batch", "group"), [(8, 4), (6, 3), (10, 2), (7, 1)])
def test_minibatch_deviation_is_that_of_groups_of_at_most_four(batch, group):
    x = torch.randn(batch, 3, 4, 4)
    channel = MinibatchStd()(x)[:, 3]
    members = x[0 :: batch // group]
    expected = (members.var(0, unbiased=False) + 1e-8).sqrt().mean()
    assert len(members) == group
    torch.testing.assert_close(channel[0], expected.expand(4, 4))
    torch.testing.assert_close(MinibatchStd()(x)[:, :3], x)


class R1(nn.Module):
    """E |grad D(x)|^2 as a function of the discriminator's parameters."""

    def __init__(self, discriminator):
        super().__init__()
        self.network = discriminator

    def forward(self, x):
        (gradient,) = torch.autograd.grad(self.network(x).sum(), x, create_graph=True)
        return gradient.square().sum() / len(x)


class PathLengths(nn.Module):
    """|J^T y| as a function of the generator's parameters."""

    def __init__(self, generator):
        super().__init__()
        self.network = generator

    def forward(self, z):
        return self.network.path_lengths(z, z.flip(0), torch.Generator().manual_seed(1))


def gradients_are_right(penalty, input, names):
    """Whether autograd's gradient of a penalty agrees with finite differences, in float64.

    The step is small because these penalties jump where an activation changes its sign.
    """
    parameters = {f"network.{name}": dict(penalty.network.named_parameters())[name] for name in names}

    def evaluate(*values):
        return torch.func.functional_call(penalty, dict(zip(parameters, values, strict=True)), (input,))

    values = tuple(p.detach().requires_grad_(True) for p in parameters.values())
    return torch.autograd.gradcheck(evaluate, values, eps=1e-8)


def test_r1_gradient_passes_gradcheck():
    penalty = R1(make_backbone("stylegan2", 32, 2).make_discriminator()).double().eval()
    x = torch.rand(2, 3, 32, 32).double().requires_grad_(True)
    names = ["convs.0.0.weight", "convs.1.conv2.1.weight", "head.final_conv.1.bias", "head.final_linear.0.weight"]
    assert gradients_are_right(penalty, x, names)


def test_path_length_gradient_passes_gradcheck():
    penalty = PathLengths(make_backbone("stylegan2", 32, 2).make_generator()).double().eval()
    names = ["style.1.weight", "conv1.conv.weight", "convs.0.conv.modulation.weight", "to_rgbs.2.conv.weight"]
    assert gradients_are_right(penalty, torch.randn(2, 2).double(), names)


def test_path_lengths_equal_those_from_the_full_jacobian():
    generator = make_backbone("stylegan2", 32, 2).make_generator().eval()
    z = torch.randn(1, 2)
    lengths = generator.path_lengths(z, None, torch.Generator().manual_seed(5))

    rng = torch.Generator().manual_seed(5)
    direction = torch.randn(1, 3, 32, 32, generator=rng) / 32
    styles = generator.style(z)[:, None].expand(-1, generator.layers, -1)
    jacobian = torch.autograd.functional.jacobian(
        lambda s: generator.synthesise(s)[-1].flatten(), styles, vectorize=True
    )
    product = torch.einsum("p,pld->ld", direction.flatten(), jacobian[:, 0])
    torch.testing.assert_close(lengths[0], product.square().sum(dim=1).mean().sqrt(), rtol=1e-4, atol=1e-6)


def test_styles_are_mixed_in_nine_of_ten_images_and_change_at_one_layer():
    generator = make_backbone("stylegan2", 64, 8).make_generator()
    z, others = torch.randn(2, 400, 8)
    styles = generator.mixed_styles(z, others, torch.Generator().manual_seed(0)).detach()
    own, mixed_in = generator.style(z).detach()[:, None], generator.style(others).detach()[:, None]
    assert ((styles == own) | (styles == mixed_in)).all()
    assert torch.equal(generator.mixed_styles(z, None, torch.Generator()), own.expand_as(styles))
    differs = (styles != own).any(dim=2)
    assert differs.any(dim=1).float().mean().item() == pytest.approx(0.9, abs=0.04)
    assert not differs[:, 0].any()
    assert (differs[:, 1:] >= differs[:, :-1]).all()
    assert set(differs.sum(dim=1).tolist()) == set(range(generator.layers))


def test_noise_is_fresh_in_training_and_fixed_in_evaluation():
    generator = make_backbone("stylegan2", 32, 8).make_generator()
    with torch.no_grad():
        for name, p in generator.named_parameters():
            if name.endswith("noise.weight"):
                p.fill_(1.0)
    z = torch.randn(2, 8)
    assert not torch.equal(generator(z), generator(z))
    torch.manual_seed(1)
    first = generator(z)
    torch.manual_seed(1)
    assert torch.equal(first, generator(z))
    generator.eval()
    fixed = generator(z)
    assert torch.equal(fixed, generator(z))
    generator.noises.noise_3.zero_()
    assert not torch.equal(fixed, generator(z))
