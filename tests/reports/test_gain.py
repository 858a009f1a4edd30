"""Scores between the unadapted source and the floor, and the gain over scratch, by its name."""

import numpy as np
import pandas as pd
import pytest
from graftbench.bench.errors import UserError
from graftbench.reports.gain import normalised_score, transfer_gain

KID = "kid@x"


def rows(values, floor=0.0, metric=KID, status="ok"):
    """One row per (strategy, seed) of {strategy: values by seed}."""
    return pd.DataFrame(
        [
            {"target": "cats", "shots": 10, "strategy": name, "label": name, "seed": seed, metric: value}
            | {"reference": name == "source-only", "status": status if np.isfinite(value) else "diverged"}
            | {f"floor_{metric}": floor}
            for name, series in values.items()
            for seed, value in enumerate(series)
        ]
    )


def test_the_source_scores_zero_and_the_floor_one():
    table = rows({"source-only": [1.0, 1.0], "a": [0.5, 0.25], "worse": [2.0, 1.0]}, floor=0.0)
    assert normalised_score(table, KID).tolist() == pytest.approx([0, 0, 0.5, 0.75, -1, 0])


def test_a_metric_where_higher_is_better_scores_the_same_way():
    table = rows({"source-only": [0.2], "a": [0.5]}, floor=0.8, metric="recall@x")
    assert normalised_score(table, "recall@x").tolist() == pytest.approx([0, 0.5])


def test_blocks_have_their_own_source_and_floor():
    near, far = rows({"source-only": [1.0], "a": [0.5]}), rows({"source-only": [4.0], "a": [0.5]})
    both = pd.concat([near, far.assign(target="houses")], ignore_index=True)
    assert normalised_score(both, KID).tolist() == pytest.approx([0, 0.5, 0, 0.875])


def test_a_gain_is_over_the_scratch_run_of_the_same_settings():
    few, many = rows({"scratch": [3.0, 3.1], "a": [2.0, 2.1]}), rows({"scratch": [1.0, 1.1], "a": [0.5, 0.6]})
    both = pd.concat([few.assign(fakes=50), many.assign(fakes=500)], ignore_index=True)
    assert transfer_gain(both, KID).set_index("fakes")["gain"].to_dict() == pytest.approx({50: 1.0, 500: 0.5})


@pytest.mark.parametrize(
    "table", [rows({"a": [0.5]}), rows({"source-only": [0.1], "a": [0.5]}, floor=0.1)], ids=["no source", "no span"]
)
def test_without_a_scale_there_is_no_score(table):
    assert normalised_score(table, KID).isna().all()


def test_gain_negative_transfer_and_undecided_are_called_by_their_names():
    table = rows(
        {
            "source-only": [1.0, 1.0, 1.0],
            "scratch": [0.50, 0.52, 0.54],
            "better": [0.20, 0.22, 0.25],
            "worse": [0.80, 0.83, 0.84],
            "alike": [0.40, 0.53, 0.64],
        }
    )
    found = transfer_gain(table, KID).set_index("label")
    assert found["verdict"].to_dict() == {"alike": "undecided", "better": "gain", "worse": "negative transfer"}
    assert found.loc["better", "gain"] == pytest.approx(np.mean([0.30, 0.30, 0.29]))
    assert found.loc["better", "score_gain"] == pytest.approx(np.mean([0.30, 0.30, 0.29]))
    assert found.loc["better", "low"] < found.loc["better", "gain"] < found.loc["better", "high"]


def test_pairing_by_seed_sees_what_unpaired_means_would_not():
    """The seeds differ far more than the strategies, as few-shot draws do."""
    seeds = np.array([0.1, 0.5, 0.9, 1.3])
    table = rows({"scratch": list(seeds), "a": list(seeds - 0.05 + np.array([0.004, -0.004, 0.002, -0.002]))})
    assert transfer_gain(table, KID)["verdict"].item() == "gain"


def test_one_pair_decides_nothing_and_missing_runs_are_counted():
    found = transfer_gain(rows({"scratch": [0.5, 0.5], "a": [0.1, np.nan]}), KID).iloc[0]
    assert (found["pairs"], found["unpaired"], found["verdict"]) == (1, 1, "undecided")


def test_without_scratch_there_is_no_gain():
    with pytest.raises(UserError, match="no block has runs of 'scratch'"):
        transfer_gain(rows({"a": [0.5]}), KID)


def test_a_gain_is_over_the_same_model_and_augmentation_and_what_has_no_source_gains_nothing():
    table = rows({"scratch": [9.0], "a": [5.0], "vae": [8.0], "vae-finetune": [6.0]})
    ada = rows({"scratch": [3.0], "a": [2.0]}).assign(augment="ada")
    ada["label"] += "+ada"
    both = pd.concat([table.assign(augment="none"), ada], ignore_index=True)
    found = transfer_gain(both, KID).set_index("label")
    assert found["baseline"].to_dict() == {"a": "scratch", "a+ada": "scratch+ada", "vae-finetune": "vae"}
    assert found["gain"].to_dict() == {"a": 4.0, "a+ada": 1.0, "vae-finetune": 2.0}
    tuned = table.assign(label=table["label"].where(~table["label"].str.startswith("vae"), table["label"] + "(tuned)"))
    assert transfer_gain(tuned, KID).set_index("label")["baseline"]["vae-finetune(tuned)"] == "vae(tuned)"
