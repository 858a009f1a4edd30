"""The literature's protocol beside the held-out one, and pairs by name."""

import shutil

import pytest
import torch
from graftbench.bench.errors import UserError
from graftbench.bench.matrix_file import parse_matrix
from graftbench.bench.planning import plan_matrix
from graftbench.bench.registries import domains
from graftbench.datasets import draw_shots, evaluation_images, open_domain, reportable, under_protocol
from graftbench.datasets.pairs import parse_pair, usual_pairs


def test_literature_draws_shots_from_all_images_and_compares_with_all(photos):
    domain = under_protocol(open_domain(f"folder:{photos}"), "literature")
    assert domain.sizes() == {"shots": 20, "validation": 20, "reference": 20}
    assert draw_shots(domain, 20, 0) == list(range(20))
    reference = evaluation_images(open_domain(f"folder:{photos}"), "reference", "literature", 16, 1000)
    assert torch.equal(reference, domain.images("shots", 16))
    assert torch.equal(domain.images("shots", 16, [19, 0, 9]), reference[[19, 0, 9]])


def test_a_limited_reference_is_a_sample_of_every_class():
    domain = open_domain("mnist5k")
    reference = evaluation_images(domain, "reference", "held-out", 28, 500)
    shown = domain.classes("reference")[:500].bincount()
    assert len(reference) == 500 and shown.min() > 30 and len(shown) == 10


def test_a_folder_gives_the_same_shots_wherever_it_lies(photos, tmp_path, monkeypatch):
    drawn = draw_shots(open_domain(f"folder:{photos}"), 3, 0)
    shutil.copytree(photos, tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path)
    for way in ("elsewhere", "./elsewhere/", "elsewhere?on_bad=skip"):
        assert draw_shots(open_domain(f"folder:{way}"), 3, 0) == drawn


def test_held_out_keeps_the_shots_out(photos):
    domain = open_domain(f"folder:{photos}")
    assert under_protocol(domain, "held-out") is domain
    assert torch.equal(evaluation_images(domain, "validation", "held-out", 16, 3), domain.images("validation", 16)[:3])


def test_classes_follow_the_images(tmp_path):
    from pictures import encoded, picture

    for seed in range(20):
        place = tmp_path / "ab"[seed % 2]
        place.mkdir(exist_ok=True)
        (place / f"{seed}.png").write_bytes(encoded(picture(seed)))
    domain = under_protocol(open_domain(f"folder:{tmp_path}"), "literature")
    assert domain.classes("shots").bincount().tolist() == [10, 10]


def test_a_small_set_says_what_it_can_show(photos):
    said = reportable(open_domain(f"folder:{photos}"))
    assert "8 reference images: report KID with its standard error; FID is biased" in said
    assert "protocol: literature (against all 20 images, the shots included)" in said
    assert "FID at this number" in reportable(open_domain("toyfaces"))


def test_every_usual_pair_names_domains_and_checkpoints_that_are_known():
    from graftbench.bench.public_sources import public_sources

    for pair in usual_pairs().values():
        domains.entry(pair.source.partition(":")[0])
        domains.entry(pair.target.partition(":")[0])
        assert pair.checkpoint in public_sources()


def test_more_shots_than_are_held_out_say_how_the_literature_has_them(photos):
    content = {
        "name": "all",
        "source": {"domain": "toyfaces"},
        "targets": [f"folder:{photos}"],
        "shots": [20],
        "seeds": 1,
        "strategies": ["scratch"],
        "budget": {"kimg": 1},
    }
    why = (
        r"has 8 images to draw shots from, not 20; .*at most 8 shots, or evaluation: \{protocol: literature\} .*all 20$"
    )
    with pytest.raises(UserError, match=why):
        plan_matrix(parse_matrix(content, "test"))
    plan_matrix(parse_matrix(content | {"evaluation": {"protocol": "literature"}}, "test"))
    with pytest.raises(UserError, match=r"not 21; ask for at most 20 shots$"):
        plan_matrix(parse_matrix(content | {"shots": [21], "evaluation": {"protocol": "literature"}}, "test"))


def test_a_target_that_is_too_small_to_measure_with_is_refused_before_anything_runs(photos):
    content = {
        "name": "small",
        "source": {"domain": "toyfaces"},
        "targets": [f"folder:{photos}"],
        "shots": [5],
        "seeds": 1,
        "strategies": ["scratch"],
        "budget": {"kimg": 1},
    }
    why = r"has 4 images for the validation split, measuring needs at least 6: use a larger set; .* with all 20$"
    with pytest.raises(UserError, match=why):
        plan_matrix(parse_matrix(content, "test"))
    assert plan_matrix(parse_matrix(content | {"evaluation": {"protocol": "literature"}}, "test")).cells


def test_a_folder_with_other_images_makes_other_cells(photos):
    def planned():
        (cell,) = plan_matrix(parse_matrix(content, "test")).cells
        return cell

    content = {
        "name": "mine",
        "source": "toyfaces",
        "targets": [f"folder:{photos}"],
        "shots": 2,
        "seeds": 1,
        "strategies": ["scratch"],
        "budget": {"kimg": 1},
        "evaluation": {"protocol": "literature", "reals": 10},
    }
    first, second = plan_matrix(parse_matrix(content, "test")).notes
    assert "compared with 10 of its 20 images, which may hold shots" in first
    assert "for published numbers set evaluation: {reals: 20, fakes: 5000, extractor: inception-v3-compat}" in second
    before = planned()
    assert planned().key == before.key
    next(photos.rglob("*.*")).unlink()
    assert planned().key != before.key
    with pytest.raises(UserError, match=r"evaluation\.fakes must be at least 6"):
        plan_matrix(parse_matrix(content | {"targets": ["toycats"], "evaluation": {"fakes": 5}}, "test"))


def test_any_pair_can_be_written():
    pair = parse_pair("folder:/my/a->folder:/my/b@5")
    assert (pair.source, pair.target, pair.shots) == ("folder:/my/a", "folder:/my/b", 5)
    assert str(parse_pair("ffhq->babies@10")) == "ffhq->babies@10"
    with pytest.raises(UserError, match="written SOURCE->TARGET@SHOTS"):
        parse_pair("ffhq->babies")


def test_a_matrix_takes_pairs_as_targets():
    content = {
        "name": "pairs",
        "source": {"domain": "toyfaces", "kimg": 7},
        "targets": ["toyfaces->toycats@3", "toyhouses->toycats@4", "toycats"],
        "shots": [10],
        "seeds": 1,
        "strategies": ["finetune"],
        "budget": {"kimg": 1},
    }
    matrix = parse_matrix(content, "here")
    sources = [matrix.source_of(target) for target in matrix.targets]
    assert [(source.domain, source.kimg) for source in sources] == [
        ("toyfaces", 7),
        ("toyhouses", 100),
        ("toyfaces", 7),
    ]
    assert [matrix.shots_of(target) for target in matrix.targets] == [[3], [4], [10]]
