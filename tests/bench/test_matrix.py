"""A matrix file is checked whole before anything runs; each mistake is one line that names the place."""

import re

import pytest
import yaml
from graftbench.bench.cli.asked import load_asked
from graftbench.bench.errors import UserError
from graftbench.bench.matrix_file import dump_matrix, load_matrix, parse_matrix
from graftbench.bench.planning import plan_matrix
from graftbench.bench.registries import backbones
from graftbench.bench.yaml_core import read_yaml

GOOD = {
    "name": "tiny",
    "source": "toyfaces",
    "targets": ["toycats"],
    "shots": 10,
    "seeds": 2,
    "strategies": ["scratch"],
    "budget": {"kimg": 1},
}


def parse(**changes):
    return parse_matrix({**GOOD, **changes}, "tiny.yaml")


def test_short_forms_mean_the_long_ones():
    matrix = parse(backbone="dcgan", strategies=["finetune", {"l2-sp": {"strength": [0.1, 1]}}])
    assert matrix.backbone.resolution == 32
    assert matrix.seeds == [0, 1] and matrix.shots == [10]
    assert matrix.variants() == [("finetune", {}), ("l2-sp", {"strength": 0.1}), ("l2-sp", {"strength": 1.0})]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bugdet": {"kimg": 1}}, "unknown key 'bugdet'; did you mean 'budget'"),
        ({"budget": {"kmig": 1, "kimg": 1}}, "unknown key 'budget.kmig'; did you mean 'kimg'"),
        ({"budget": {"kimg": -1}}, "budget.kimg: Input should be greater than 0"),
        ({"shots": 0}, "shots.0: Input should be greater than 0"),
        ({"strategies": ["fintune"]}, "unknown strategy 'fintune'; did you mean"),
        ({"targets": ["toydogs"]}, "unknown domain 'toydogs'; did you mean"),
        ({"augment": ["flop"]}, "unknown augmentation 'flop'; did you mean 'flip'"),
        ({"backbone": "dcgann"}, "unknown backbone 'dcgann'; did you mean 'dcgan'"),
        ({"evaluation": {"extractor": "inception"}}, "unknown feature extractor 'inception'"),
        ({"seeds": []}, "seeds: List should have at least 1 item"),
        ({"seeds": 0}, "seeds: give a number from 1 to"),
        ({"seeds": True}, "seeds: must not be true or false"),
        ({"shots": True}, "shots: must not be true or false"),
        ({"budget": {"kimg": 1, "batch": True}}, "budget.batch: must not be true or false"),
        ({"budget": {"kimg": float("inf")}}, "budget.kimg: Input should be a finite number"),
        ({"budget": {"kimg": float("nan")}}, "budget.kimg: Input should be"),
        ({"budget": {}}, "the key 'budget.kimg' is missing"),
        ({"augment": []}, "augment: List should have at least 1 item"),
        ({"name": "../elsewhere"}, "name: must be a folder's name"),
        ({"name": "two\nlines"}, "name: must be a folder's name, of characters that can be printed"),
        ({"name": "no text: \ud800"}, "name: must be a folder's name"),
        ({"strategies": [{"l2-sp": 0}]}, "strategies.0.params: Input should be a mapping"),
        ({"strategies": [{"l2-sp": False}]}, "strategies.0.params: must not be true or false"),
        ({"strategies": [{"l2-sp": {1: 2}}]}, r"strategies.0.params.1.\[key\]: a key must be a word"),
        ({"source": {"domain": "toyfaces", "model": ""}}, "source.model: String should have at least 1 character"),
        ({"strategies": [3]}, "strategies.0: Input should be a mapping"),
        ({"budget": {"kimg": 1, "batch": 10**12}}, "budget.batch: Input should be less than or equal to 65536"),
        ({"budget": {"kimg": 1e12}}, "budget.kimg: Input should be less than or equal to 1000000"),
        ({"evaluation": {"fakes": 10**12}}, "evaluation.fakes: Input should be less than or equal to 1000000"),
        ({"evaluation": {"reals": 10**12}}, "evaluation.reals: Input should be less than or equal to 1000000"),
        ({"evaluation": {"points": 10**12}}, "evaluation.points: Input should be less than or equal to 10000"),
        ({"source": {"domain": "toyfaces", "augment": "flop"}}, "unknown augmentation 'flop'; did you mean 'flip'"),
        ({"source": {"domain": "toyfaces", "batch": 10**12}}, "source.batch: Input should be less than or equal to"),
        ({"shots": 10**12}, "shots.0: Input should be less than or equal to 1000000"),
        ({"seeds": 10**12}, "seeds: give a number from 1 to"),
        ({"seeds": [10**30]}, "seeds.0: Input should be less than or equal to"),
        ({"tune": {"trials": 10**12}}, "tune.trials: Input should be less than or equal to 10000"),
        ({"backbone": {"resolution": 10**12}}, "backbone.resolution: Input should be less than or equal to 4096"),
        ({"timeout_minutes": 1e12}, "timeout_minutes: Input should be less than or equal to"),
    ],
)
def test_a_mistake_is_one_line_with_the_nearest_valid_word(changes, message):
    with pytest.raises(UserError, match=f"tiny.yaml: {message}") as raised:
        parse(**changes)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strategies": [{"l2-sp": {"strenght": 1}}]}, "no hyper-parameter 'strenght'; did you mean 'strength'"),
        ({"strategies": [{"l2-sp": {"strength": "much"}}]}, "l2-sp.strength must be a finite number, not 'much'"),
        ({"strategies": [{"l2-sp": {"strength": True}}]}, "l2-sp.strength must be a finite number, not True"),
        ({"strategies": [{"l2-sp": {"strength": float("nan")}}]}, "l2-sp.strength must be a finite number"),
        ({"strategies": [{"l2-sp": {"strength": -1}}]}, "l2-sp.strength must be at least 0"),
        ({"strategies": [{"l2-sp": {"strength": []}}]}, "l2-sp.strength is an empty list"),
        ({"strategies": [{"lora": {"rank": 0}}]}, "lora.rank must be at least 1"),
        ({"strategies": [{"minegan": {"mining": [0.5, 1.5]}}]}, "minegan.mining must be at most 1, not"),
        ({"strategies": [{"kernel-modulation": {"kept": 1.1}}]}, "kernel-modulation.kept must be at most 1, not 1.1"),
        ({"strategies": [{"kernel-modulation": {"probing": 1.0}}]}, "kernel-modulation.probing must be at most 0.99"),
        ({"strategies": [{"feature-d": {"input_size": 31}}]}, "feature-d.input_size must be at least 32, not 31"),
        ({"shots": 10**6}, "'toycats' has .* images to draw shots from, not 1000000"),
        ({"backbone": {"resolution": 48}}, "'dcgan' has no resolution 48; it offers 32, 64"),
        ({"optimisation": {"generator_rl": 1}}, "no setting 'generator_rl'; did you mean 'generator_lr'"),
        ({"optimisation": {"generator_lr": "fast"}}, "optimisation.generator_lr must be a finite number, not 'fast'"),
        ({"optimisation": {"generator_lr": -1}}, "optimisation.generator_lr must not be negative"),
        ({"optimisation": {"betas": 0.5}}, "optimisation.betas must be 2 numbers"),
        ({"optimisation": {"betas": [0.5, 1.0]}}, "optimisation.betas must be below 1"),
        ({"optimisation": {"r1_every": 0}}, "optimisation.r1_every must be more than 0"),
        ({"optimisation": {"ema_half_life_kimg": 0}}, "optimisation.ema_half_life_kimg must be more than 0"),
        ({"optimisation": {"lr_decay": -1}}, "optimisation.lr_decay must not be negative"),
        ({"optimisation": {"batch": 8}}, "no setting 'batch'; known: betas"),
        ({"optimisation": {"lr_decay": 2}}, "optimisation.lr_decay is the share .* at most 1, not 2"),
        ({"optimisation": {"r1_gamma": [5]}}, r"optimisation.r1_gamma must be one number, not \[5\]"),
        ({"optimisation": {"r1_gamma": 10**400}}, "optimisation.r1_gamma must be a finite number"),
        ({"source": {"domain": "toyfaces", "optimisation": {"r1": 1}}}, "source.optimisation has no setting 'r1'"),
        (
            {"source": {"domain": "toyfaces", "model": "here", "kimg": 5, "seed": 1}},
            "source.model names a model that is trained already, so kimg, seed would change nothing",
        ),
        ({"budget": {"kimg": 0.01, "batch": 16}}, "5 evaluations of a training of 1 steps .*; ask for at most 1"),
        ({"strategies": ["scratch", "scratch"]}, "names the same cell twice; remove the repeated strategy"),
        ({"strategies": [{"l2-sp": {"strength": [0.1, 0.1]}}]}, "remove the repeated strategy"),
        ({"strategies": ["finetune"], "seeds": [1, 1]}, "remove the repeated seed"),
        ({"strategies": ["finetune"], "shots": [5, 5]}, "remove the repeated target or number of shots"),
    ],
)
def test_what_cannot_run_is_found_at_plan_time(changes, message):
    with pytest.raises(UserError, match=message):
        plan_matrix(parse(**changes))


def test_a_plan_crosses_all_axes():
    plan = plan_matrix(parse(shots=[5, 10], augment=["none", "flip"]))
    assert len(plan.cells) == 2 * 2 * 2
    assert len({cell.key for cell in plan.cells}) == 8


def test_what_a_target_says_of_its_source_counts_also_where_it_is_the_default():
    said = {"domain": "toyfaces", "kimg": 100, "augment": "none"}
    matrix = parse(
        source={"domain": "toyfaces", "kimg": 7, "augment": "translation"},
        targets=[
            "toycats",
            {"domain": "toyhouses", "source": said},
            {"domain": "toyfaces-babies", "source": "toyfaces"},
        ],
    )
    found = [(matrix.source_of(target).kimg, matrix.source_of(target).augment) for target in matrix.targets]
    assert found == [(7, "translation"), (100, "none"), (7, "translation")]


def test_what_concerns_a_gan_alone_makes_no_other_vae():
    source = {"domain": "toyfaces", "kimg": 7, "optimisation": {"lr_decay": 0.1, "ema_half_life_kimg": 3}}
    plan = plan_matrix(parse(source=source, strategies=["vae-finetune"]))
    assert [spec.optimisation for spec in plan.to_pretrain] == [{"ema_half_life_kimg": 3}]


def test_a_source_gan_is_trained_on_augmented_images_and_a_source_vae_is_not():
    source = {"domain": "toyfaces", "kimg": 7, "augment": "translation"}
    plan = plan_matrix(parse(source=source, strategies=["finetune", "vae-finetune"]))
    assert [(spec.kind, spec.augment) for spec in plan.to_pretrain] == [("gan", "translation"), ("vae", "none")]


def test_a_target_says_its_source_and_shots_as_a_matrix_does():
    matrix = parse(targets=[{"domain": "toycats", "source": "toyfaces-sketches", "shots": 5}])
    (target,) = matrix.targets
    assert matrix.source_of(target).domain == "toyfaces-sketches" and matrix.shots_of(target) == [5]


def test_a_strategy_asked_for_by_name_is_run_in_all_ways_that_the_matrix_sets(tmp_path):
    ways = [{"l2-sp": {"strength": 0.1}}, "scratch", {"l2-sp": {"strength": 1.0}}]
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({**GOOD, "strategies": ways}))
    assert [params for _, params in load_asked(str(path), ["l2-sp"]).variants()] == [
        {"strength": 0.1},
        {"strength": 1.0},
    ]
    assert load_asked(str(path), ["vae"]).variants() == [("vae", {})]


def test_files_are_read_by_path_and_shipped_ones_by_name(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in GOOD.items() if k != "name"}))
    assert load_matrix(str(path)).name == "mine"
    assert load_matrix("quick").name == "quick"
    with pytest.raises(UserError, match="unknown matrix 'quik'; did you mean 'quick'"):
        load_matrix("quik")
    with pytest.raises(UserError, match="no such file"):
        load_matrix(str(tmp_path / "absent.yaml"))
    for content, message in {
        "a: [1,": "not valid YAML",
        "": "must be a mapping",
        "- a": "must be a mapping",
        "seeds: !!int many": "not valid YAML: invalid literal",
        "a: " + "[" * 3000 + "]" * 3000: "nested too deeply",
    }.items():
        path.write_text(content)
        with pytest.raises(UserError, match=message):
            load_matrix(str(path))


def test_the_name_of_a_hyper_parameter_is_a_word_also_where_older_yaml_has_a_truth_value(tmp_path):
    file = tmp_path / "words.yaml"
    said = "source: toyfaces\ntargets: toycats\nshots: 10\nseeds: 1\nbudget: {kimg: 1}\ncompile: true\n"
    file.write_text(said + "strategies: [{l2-sp: {on: g}}, {scale-shift: {on: [g, both]}}]\n")
    matrix = load_matrix(str(file))
    assert matrix.compile is True
    assert matrix.variants() == [("l2-sp", {"on": "g"}), ("scale-shift", {"on": "g"}), ("scale-shift", {"on": "both"})]
    (tmp_path / "kept.yaml").write_text(dump_matrix(matrix))
    assert load_matrix(str(tmp_path / "kept.yaml")).variants() == matrix.variants()


def test_a_number_in_scientific_notation_is_a_number():
    matrix = parse(strategies=[{"l2-sp": read_yaml("strength: 1e-3")}])
    assert matrix.variants() == [("l2-sp", {"strength": 0.001})]
    settings = read_yaml("{generator_lr: 2e-3, betas: [0, 9e-1], r1_gamma: 10}")
    (cell, *_) = plan_matrix(parse(optimisation=settings)).cells
    assert cell.optimisation == {"generator_lr": 0.002, "betas": [0.0, 0.9], "r1_gamma": 10.0}


def test_the_same_settings_make_the_same_cells_and_sources_however_they_are_written():
    defaults = backbones.get("dcgan").defaults

    def keys_and_sources(**settings):
        source = {"domain": "toyfaces", "kimg": 7, "optimisation": settings}
        plan = plan_matrix(parse(strategies=["scratch", "finetune"], source=source, optimisation=settings))
        return [cell.key for cell in plan.cells], [spec.name for spec in plan.to_pretrain]

    assert keys_and_sources(r1_gamma=7) == keys_and_sources(r1_gamma=7.0) == keys_and_sources(r1_gamma="7")
    assert keys_and_sources(betas=[0, 0.9]) == keys_and_sources(betas=[0.0, 0.9])
    said = {"r1_gamma": int(defaults.r1_gamma), "betas": list(defaults.betas), "r1_every": defaults.r1_every}
    assert keys_and_sources(**said) == keys_and_sources()
    assert keys_and_sources(r1_gamma=7)[0] != keys_and_sources()[0]
    assert keys_and_sources(r1_gamma=7)[1] != keys_and_sources()[1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: a\nshots: 10\nname: b\n", "line 3: the key 'name' is there twice (also on line 1)"),
        ("budget:\n  kimg: 1\n  # more\n  kimg: 2\n", "line 4: the key 'kimg' is there twice"),
        ("strategies:\n- l2-sp: {strength: 1, strength: 2}\n", "line 2: the key 'strength'"),
    ],
)
def test_a_key_that_stands_twice_is_named_with_its_line(text, said, tmp_path):
    path = tmp_path / "twice.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=re.escape(f"{path}: {said}")):
        load_matrix(str(path))


def test_a_key_may_override_what_a_merged_mapping_gives(tmp_path):
    path = tmp_path / "merged.yaml"
    merged = "source: &same {domain: toyfaces, kimg: 1}\ntargets: [{domain: toycats, source: {<<: *same, kimg: 2}}]\n"
    path.write_text(yaml.safe_dump({k: v for k, v in GOOD.items() if k not in ("source", "targets")}) + merged)
    matrix = load_matrix(str(path))
    assert (matrix.source.kimg, matrix.source_of(matrix.targets[0]).kimg) == (1, 2)


def test_a_run_that_is_cut_off_has_whole_seeds():
    cells = plan_matrix(parse(strategies=["scratch", "vae"], seeds=[3, 1])).cells
    assert [(cell.seed, cell.strategy) for cell in cells] == [(3, "scratch"), (3, "vae"), (1, "scratch"), (1, "vae")]


@pytest.mark.parametrize(
    "changes",
    [
        {"source": {"domain": "toyfaces", "model": "a/folder"}},
        {"source": {"domain": "toyfaces", "kimg": 7}, "targets": [{"domain": "toycats", "source": "toyfaces"}]},
        {"targets": ["toyfaces->toycats@10"], "strategies": [{"l2-sp": {"strength": [0.1, 1]}}], "augment": "none"},
        {"tune": {"trials": 3}, "evaluation": {"points": 2}, "optimisation": {"r1_gamma": 2}},
    ],
)
def test_a_store_keeps_a_matrix_that_reads_as_the_one_that_was_asked_for(changes, tmp_path):
    asked = parse(**changes)
    (tmp_path / "matrix.yaml").write_text(dump_matrix(asked))
    again = load_matrix(str(tmp_path / "matrix.yaml"))
    assert again == asked and again.source.model_fields_set == asked.source.model_fields_set
    assert [again.source_of(t) for t in again.targets] == [asked.source_of(t) for t in asked.targets]
