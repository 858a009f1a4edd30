"""Variance components of made-up nested data with known components."""

import numpy as np
import pandas as pd
import pytest
from graftbench.bench.errors import UserError
from graftbench.reports.variance import variance_components


def design(draws, seeds, evaluations, deviations, rng=0):
    generator = np.random.default_rng(rng)
    rows = []
    for draw in range(draws):
        of_draw = deviations[0] * generator.standard_normal()
        for seed in range(seeds):
            of_seed = of_draw + deviations[1] * generator.standard_normal()
            for evaluation in range(evaluations):
                value = 10 + of_seed + deviations[2] * generator.standard_normal()
                rows.append({"draw": draw, "seed": draw * seeds + seed, "evaluation": evaluation, "kid": value})
    return pd.DataFrame(rows)


@pytest.mark.parametrize("deviations", [(3.0, 2.0, 1.0), (0.5, 2.0, 1.0), (2.0, 0.3, 0.3)])
def test_known_components_are_found(deviations):
    found = variance_components(design(300, 5, 5, deviations), "kid")
    assert found["deviation"].to_numpy() == pytest.approx(deviations, rel=0.2)
    assert found["share"].sum() == pytest.approx(1)
    assert found["degrees"].tolist() == [299, 1200, 6000]


def test_a_source_that_does_nothing_gets_no_variance():
    found = variance_components(design(100, 3, 3, (0.0, 0.0, 1.0)), "kid").set_index("source")
    assert found.loc["evaluation sampling", "share"] > 0.9


def test_the_estimate_is_unbiased_in_a_small_design():
    found = [variance_components(design(3, 3, 3, (1.0, 1.0, 1.0), rng), "kid")["variance"] for rng in range(300)]
    assert np.mean(found, axis=0)[1:] == pytest.approx([1, 1], rel=0.15)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda frame: frame.iloc[1:], "not balanced"),
        (lambda frame: frame[frame["draw"] == 0], "needs two of each: 1 draws"),
        (lambda frame: frame.assign(kid=np.nan), "18 of 18 measurements of kid are missing"),
        (lambda frame: frame.assign(kid=np.inf), "18 of 18 measurements of kid are missing or no finite number"),
    ],
)
def test_designs_that_cannot_be_analysed_are_refused(broken, message):
    with pytest.raises(UserError, match=message):
        variance_components(broken(design(3, 3, 2, (1.0, 1.0, 1.0))), "kid")
