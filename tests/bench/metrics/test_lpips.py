"""Intra-cluster LPIPS: as torch-fidelity's LPIPS, in a column of its own, and only where its weights are."""

import pytest
import torch
import torch_fidelity
import torchvision
from graftbench.bench.errors import UserError
from graftbench.bench.metrics import weights
from graftbench.bench.metrics.diversity import intra_lpips
from graftbench.bench.metrics.evaluator import Evaluator
from graftbench.bench.metrics.lpips import Lpips, find_lpips, lpips_obstacle
from graftbench.bench.registries import extractors

NAME = "efficientnet-lite0-64"


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A torch cache that holds both files, with random weights."""
    folder = tmp_path_factory.mktemp("hub")
    (folder / "checkpoints").mkdir()
    torch.manual_seed(0)
    network = torchvision.models.vgg16(weights=None, init_weights=False)
    torch.save(network.state_dict(), folder / "checkpoints" / weights.ORIGINS["vgg16"].file)
    layers = {f"lin{i}.model.1.weight": torch.rand(1, c, 1, 1) for i, c in enumerate((64, 128, 256, 512, 512))}
    torch.save(layers, folder / "checkpoints" / weights.LPIPS.file)
    return folder


@pytest.fixture
def present(hub, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(hub))
    monkeypatch.delenv("GRAFTBENCH_WEIGHTS", raising=False)


@pytest.fixture
def absent(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.delenv("GRAFTBENCH_WEIGHTS", raising=False)


def images(count, seed, size=32):
    rng = torch.Generator().manual_seed(seed)
    small = torch.rand(count, 3, 4, 4, generator=rng) * 255
    return torch.nn.functional.interpolate(small, (size, size), mode="bilinear").to(torch.uint8)


def test_all_pairs_are_as_torch_fidelity_has_them_one_by_one(present):
    a, b = images(3, 0), images(2, 1)
    theirs = torch_fidelity.SampleSimilarityLPIPS("lpips-vgg16")
    expected = [[float(theirs(x[None], y[None])) for y in b] for x in a]
    found = Lpips().distances(a, b)
    assert found.tolist() == [pytest.approx(row, rel=1e-4) for row in expected]
    assert found.min() > 1e-4


def test_blocks_of_images_do_not_change_the_distances(present, monkeypatch):
    lpips, a, b = Lpips(), images(5, 0), images(3, 1)
    whole = lpips.distances(a, b)
    monkeypatch.setattr("graftbench.bench.metrics.lpips.BLOCK", 2)
    assert torch.allclose(lpips.distances(a, b), whole, rtol=1e-4)


def test_copies_of_the_shots_have_no_diversity_around_them_and_varied_fakes_have(present):
    lpips, shots = Lpips(), images(2, 0)
    copies = shots.repeat(3, 1, 1, 1)
    assert intra_lpips(copies, shots, lpips) == (pytest.approx(0, abs=1e-9), 2)
    varied, occupied = intra_lpips(images(6, 1), shots, lpips)
    assert varied > 1e-3
    assert occupied in (1, 2)


def test_the_column_is_there_with_the_weights_and_changes_no_other(present):
    parts = (images(2, 0), images(8, 1), images(8, 2), 6)
    extractor, fakes = extractors.get(NAME)(NAME), images(6, 3)
    found = Evaluator(extractor, *parts, lpips=find_lpips()).evaluate(fakes)
    own = {f"intra_lpips@{NAME}", f"lpips_clusters@{NAME}"}
    assert own <= set(found)
    rest = {name: value for name, value in found.items() if name not in own}
    assert rest == Evaluator(extractor, *parts).evaluate(fakes)


def test_without_the_weights_the_column_is_not_there_and_it_is_said_why(absent):
    assert find_lpips() is None
    assert weights.ORIGINS["vgg16"].url in lpips_obstacle()


def test_another_file_in_the_place_of_the_weights_is_refused_in_one_line(present, tmp_path):
    other = tmp_path / "other.pth"
    torch.save({"weight": torch.zeros(3)}, other)
    with pytest.raises(UserError, match=r"other\.pth does not hold its weights") as raised:
        Lpips(lpips=other)
    assert "\n" not in str(raised.value)
    other.write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"other\.pth holds no weights"):
        Lpips(lpips=other)
