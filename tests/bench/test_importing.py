"""Public checkpoints are imported tensor by tensor, or refused with the whole list of differences."""

import argparse
import json
import pickle

import pytest
import torch
from graftbench.bench.backbones import make_backbone
from graftbench.bench.cli import app
from graftbench.bench.errors import UserError
from graftbench.bench.importing import import_checkpoint
from graftbench.bench.matrix_file import parse_matrix
from graftbench.bench.planning import plan_matrix
from graftbench.bench.public_sources import public_sources
from graftbench.bench.registries import backbones
from graftbench.bench.source import WEIGHTS, load_source
from safetensors.torch import save_file
from typer.testing import CliRunner

WIDTH = 8


@pytest.fixture
def networks():
    torch.manual_seed(0)
    backbone = make_backbone("stylegan2", 32, WIDTH)
    return {"g": backbone.make_generator(), "g_ema": backbone.make_generator(), "d": backbone.make_discriminator()}


@pytest.fixture
def checkpoint(networks):
    """The dictionary that the public training script writes."""
    optimiser = torch.optim.Adam(networks["d"].parameters()).state_dict()
    return {
        **{name: network.state_dict() for name, network in networks.items()},
        "g_optim": optimiser,
        "d_optim": optimiser,
        "args": argparse.Namespace(size=32, lr=0.002),
        "ada_aug_p": 0.0,
        "latent_avg": torch.arange(float(WIDTH)),
    }


def saved(content, folder, name="550000.pt"):
    torch.save(content, folder / name)
    return folder / name


def test_every_tensor_of_the_public_layout_arrives(checkpoint, networks, tmp_path):
    import_checkpoint(saved(checkpoint, tmp_path), "rosinality", tmp_path / "out", "ffhq")
    source = load_source(tmp_path / "out")
    assert source.backbone == make_backbone("stylegan2", 32, WIDTH)
    for role, name in (("generator", "g_ema"), ("discriminator", "d")):
        made = getattr(source, f"make_{role}")().state_dict()
        assert made.keys() == checkpoint[name].keys()
        assert all(torch.equal(made[key], tensor) for key, tensor in checkpoint[name].items())
    assert torch.equal(source.networks["mapping"]["latent_avg"], checkpoint["latent_avg"])
    z = torch.randn(2, WIDTH)
    assert torch.equal(source.make_generator().eval()(z), networks["g_ema"].eval()(z))


def test_the_artefact_says_where_it_comes_from(checkpoint, tmp_path):
    import_checkpoint(saved(checkpoint, tmp_path), "rosinality", tmp_path / "out", "ffhq")
    spec = json.loads((tmp_path / "out" / "spec.json").read_text())
    wanted = {"kind": "gan", "backbone": "stylegan2", "resolution": 32, "width": WIDTH, "domain": "ffhq"}
    assert wanted.items() <= spec.items()
    assert spec["imported"]["file"] == "550000.pt"
    assert len(spec["imported"]["sha256"]) == 64


def test_missing_left_over_and_misshapen_tensors_are_all_listed(checkpoint, tmp_path):
    del checkpoint["g_ema"]["conv1.noise.weight"]
    checkpoint["g_ema"]["convs.12.conv.weight"] = torch.zeros(1)
    checkpoint["g_ema"]["to_rgb1.bias"] = torch.zeros(1, 4, 1, 1)
    with pytest.raises(UserError) as refusal:
        import_checkpoint(saved(checkpoint, tmp_path), "rosinality", tmp_path / "out", "ffhq")
    for part in (
        "missing conv1.noise.weight",
        "unexpected convs.12.conv.weight",
        "to_rgb1.bias is [1, 4, 1, 1], needs [1, 3, 1, 1]",
    ):
        assert part in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("network", ["g", "d"])
def test_the_other_networks_are_checked_as_strictly(checkpoint, tmp_path, network):
    name = sorted(checkpoint[network])[0]
    del checkpoint[network][name]
    with pytest.raises(UserError, match=f"missing {name}"):
        import_checkpoint(saved(checkpoint, tmp_path), "rosinality", tmp_path / "out", "ffhq")


def test_a_network_that_the_layout_does_not_have_is_refused(checkpoint, tmp_path):
    checkpoint["extra"] = {"weight": torch.zeros(1)}
    with pytest.raises(UserError, match="holds extra"):
        import_checkpoint(saved(checkpoint, tmp_path), "rosinality", tmp_path / "out", "ffhq")


def test_noise_that_an_older_checkpoint_lacks_is_drawn_and_that_is_said(checkpoint, tmp_path):
    for network in ("g", "g_ema"):
        checkpoint[network] = {k: v for k, v in checkpoint[network].items() if not k.startswith("noises.")}
    file = saved(checkpoint, tmp_path)
    notes = import_checkpoint(file, "rosinality", tmp_path / "a", "ffhq").notes
    import_checkpoint(file, "rosinality", tmp_path / "b", "ffhq")
    assert any("g_ema holds no fixed noise" in note for note in notes)
    assert load_source(tmp_path / "a").spec["sha256"] == load_source(tmp_path / "b").spec["sha256"]


def test_a_checkpoint_that_lacks_only_some_noise_is_refused(checkpoint, tmp_path):
    del checkpoint["g_ema"]["noises.noise_2"]
    with pytest.raises(UserError, match=r"missing noises\.noise_2"):
        import_checkpoint(saved(checkpoint, tmp_path), "rosinality", tmp_path / "out", "ffhq")


def test_a_converted_generator_alone_is_imported_and_that_is_said(checkpoint, tmp_path):
    converted = {name: checkpoint[name] for name in ("g_ema", "latent_avg")}
    imported = import_checkpoint(saved(converted, tmp_path), "rosinality", tmp_path / "out", "ffhq")
    assert any("no discriminator" in note for note in imported.notes)
    with pytest.raises(UserError, match="holds no discriminator"):
        load_source(tmp_path / "out").make_discriminator()


def test_a_plan_refuses_a_strategy_that_starts_from_the_discriminator_which_is_not_there(checkpoint, tmp_path):
    converted = {name: checkpoint[name] for name in ("g_ema", "latent_avg")}
    import_checkpoint(saved(converted, tmp_path), "rosinality", tmp_path / "out", "toyfaces")
    content = {
        "name": "alone",
        "backbone": {"name": "stylegan2", "resolution": 32, "width": WIDTH},
        "source": {"domain": "toyfaces", "model": str(tmp_path / "out")},
        "targets": ["toycats"],
        "shots": 10,
        "seeds": 1,
        "strategies": ["source-only", "finetune-g"],
        "budget": {"kimg": 1},
    }
    assert len(plan_matrix(parse_matrix(content, "alone.yaml")).cells) == 2
    with pytest.raises(UserError, match="has no discriminator, and frozen-d starts from one; leave frozen-d out"):
        plan_matrix(parse_matrix({**content, "strategies": ["frozen-d"]}, "alone.yaml"))
    with pytest.raises(UserError, match=r"was trained on toyfaces, and source\.domain says toycats"):
        plan_matrix(parse_matrix({**content, "source": {**content["source"], "domain": "toycats"}}, "alone.yaml"))
    (tmp_path / "out" / WEIGHTS).write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"source\.safetensors: cannot be read"):
        plan_matrix(parse_matrix({**content, "strategies": ["frozen-d"]}, "alone.yaml"))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda content: content.update(latent_avg=torch.zeros(3, 5)), f"'latent_avg' is no vector of {WIDTH}"),
        (lambda content: content["latent_avg"].fill_(torch.nan), "latent_avg holds NaN or infinity"),
        (lambda content: content["g_ema"]["conv1.conv.weight"].fill_(torch.inf), "conv1.conv.weight holds NaN or inf"),
        (
            lambda content: content["g_ema"].update({"input.input": content["g_ema"]["input.input"].cfloat()}),
            "input.input holds no real numbers",
        ),
        (
            lambda content: content["d"].update({"convs.0.0.weight": content["d"]["convs.0.0.weight"].char()}),
            "convs.0.0.weight holds no real numbers",
        ),
        (
            lambda content: content["g_ema"].update({"input.input": content["g_ema"]["input.input"].to_sparse()}),
            "input.input holds no real numbers",
        ),
    ],
    ids=["shape of latent_avg", "NaN in latent_avg", "infinite weight", "complex", "integers", "sparse"],
)
def test_what_is_no_weight_of_a_network_is_refused(checkpoint, tmp_path, spoil, says):
    spoil(checkpoint)
    with pytest.raises(UserError, match=says):
        import_checkpoint(saved(checkpoint, tmp_path), "rosinality", tmp_path / "out", "ffhq")


def test_the_prefix_of_cdc_checkpoints_is_stripped(checkpoint, tmp_path):
    prefixed = {
        name: {f"module.{key}": tensor for key, tensor in checkpoint[name].items()} for name in ("g", "g_ema", "d")
    }
    file = saved(prefixed, tmp_path)
    import_checkpoint(file, "cdc", tmp_path / "out", "ffhq")
    made = load_source(tmp_path / "out").make_discriminator().state_dict()
    assert all(torch.equal(made[key], tensor) for key, tensor in checkpoint["d"].items())
    with pytest.raises(UserError, match="give --format cdc"):
        import_checkpoint(file, "rosinality", tmp_path / "other", "ffhq")


@pytest.mark.parametrize("name", backbones.names())
def test_our_own_layout_makes_the_round_trip(name, tmp_path):
    backbone = make_backbone(name, 32, WIDTH)
    networks = {"generator": backbone.make_generator(), "discriminator": backbone.make_discriminator()}
    tensors = {
        f"{role}.{key}": tensor.contiguous()
        for role, network in networks.items()
        for key, tensor in network.state_dict().items()
    }
    save_file(tensors, tmp_path / "source.safetensors")
    import_checkpoint(tmp_path / "source.safetensors", "safetensors", tmp_path / "out", "ffhq", backbone)
    source = load_source(tmp_path / "out")
    assert source.spec["backbone"] == name
    for role, network in networks.items():
        assert all(torch.equal(source.networks[role][key], tensor) for key, tensor in network.state_dict().items())


class Evil:
    """A pickle that would run a command when it is read without care."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("name", ["a.pt", "a.pkl"])
def test_a_file_that_holds_code_is_refused_and_its_code_does_not_run(checkpoint, tmp_path, name):
    checkpoint["args"] = Evil(tmp_path / "ran")
    with pytest.raises(UserError, match="cannot be read as plain weights"):
        import_checkpoint(saved(checkpoint, tmp_path, name), "rosinality", tmp_path / "out", "ffhq")
    assert not (tmp_path / "ran").exists()


def test_an_nvidia_pickle_is_refused_with_the_way_to_convert_it(tmp_path):
    content = {"module": "torch_utils.persistence", "G": Evil(tmp_path / "ran")}
    for name in ("ffhq.pkl", "renamed.pt"):
        (tmp_path / name).write_bytes(pickle.dumps(content))
        with pytest.raises(UserError, match=r"NVIDIA pickle.*convert_weight\.py.*--format rosinality"):
            import_checkpoint(tmp_path / name, "rosinality", tmp_path / "out", "ffhq")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"PK\x03\x04 not a zip", b"\x80\x02."])
def test_a_file_of_another_kind_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "x.pt").write_bytes(content)
    for kind in ("rosinality", "safetensors"):
        with pytest.raises(UserError) as refusal:
            import_checkpoint(tmp_path / "x.pt", kind, tmp_path / "out", "ffhq", make_backbone("dcgan", 32, WIDTH))
        assert "\n" not in str(refusal.value)


def test_the_command_says_what_it_imported(checkpoint, tmp_path):
    file = saved(checkpoint, tmp_path)
    arguments = ["import", str(file), "--format", "rosinality", "--domain", "ffhq", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert "generator, discriminator, mapping at 32 px, width 8" in result.output
    assert (tmp_path / "out" / "source.safetensors").exists()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"latent_avg": None}, "'latent_avg' is no vector"),
        ({"g_ema": {1: torch.zeros(1)}}, "'g_ema' is not a state dict"),
        (
            {"g_ema": {"style.1.weight": torch.tensor(1.0), "to_rgbs.0.bias": torch.zeros(1)}},
            "no matrix style.1.weight",
        ),
    ],
)
def test_a_part_of_another_kind_is_refused_in_one_line(checkpoint, tmp_path, changed, message):
    with pytest.raises(UserError, match=message):
        import_checkpoint(saved({**checkpoint, **changed}, tmp_path), "rosinality", tmp_path / "out", "ffhq")


def test_a_checkpoint_of_the_same_name_does_not_take_the_place_of_another(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFTBENCH_CACHE", str(tmp_path / "cache"))
    command = ["import", str(tmp_path / "550000.pt"), "--format", "rosinality", "--domain", "toyfaces"]
    saved(checkpoint, tmp_path)
    assert [CliRunner().invoke(app, command).exit_code for _ in range(2)] == [0, 0]
    saved({**checkpoint, "latent_avg": torch.zeros(WIDTH)}, tmp_path)
    refused = CliRunner().invoke(app, command)
    assert isinstance(refused.exception, UserError) and "holds another source model already" in str(refused.exception)
    kept = load_source(tmp_path / "cache" / "sources" / "imported-550000")
    assert torch.equal(kept.networks["mapping"]["latent_avg"], checkpoint["latent_avg"])
    assert CliRunner().invoke(app, [*command, "--out", str(tmp_path / "other")]).exit_code == 0


def test_settings_of_another_format_are_refused(tmp_path):
    for options in (["--format", "cdc", "--width", "32"], ["--format", "safetensors", "--backbone", "dcgan"]):
        refused = CliRunner().invoke(app, ["import", "x.pt", "--domain", "toyfaces", *options])
        assert isinstance(refused.exception, UserError) and "go with --format safetensors" in str(refused.exception)


def test_public_sources_are_described():
    found = public_sources()
    assert {"ffhq256-rosinality", "ffhq256-cdc"} <= found.keys()
    assert all(s.url.startswith("https://") and s.licence for s in found.values())
    assert {s.format for s in found.values()} <= {"rosinality", "cdc", "nvidia-pickle"}
