"""Stored numbers against the curves that they come from: one sentence per mismatch, whatever is missing."""

import numpy as np
import pytest
from graftbench.reports.consistency import headline_problems
from synthetic import EXTRACTOR, synthetic

VALIDATION, FID = f"validation_kid@{EXTRACTOR}", f"fid@{EXTRACTOR}"


@pytest.fixture
def stored():
    """One finished cell whose final numbers are those of its curve's last point."""
    rows, curves = synthetic(["finetune"], 1, 1, reference=False)
    last = curves.iloc[-1].drop(["key", "kimg", "seconds"])
    return rows.assign(**last, train_seconds=curves["seconds"].iloc[-1]), curves


def test_numbers_of_the_curve_are_no_problem(stored):
    assert headline_problems(*stored) == []


def test_another_number_is_named_with_what_the_curve_gives(stored):
    rows, curves = stored
    (problem,) = headline_problems(rows.assign(**{FID: 7.0}), curves)
    assert problem.startswith(f"{rows['key'][0]}: {FID} is 7, the last point of the curve gives ")


def test_a_curve_without_any_validation_score_is_named(stored):
    rows, curves = stored
    found = headline_problems(rows, curves.assign(**{VALIDATION: np.nan}))
    assert f"{rows['key'][0]}: its curve holds no {VALIDATION}" in found


def test_a_metric_that_was_not_measured_is_not_asked_for(stored):
    rows, curves = stored
    assert headline_problems(rows.drop(columns=[FID, f"best_{FID}"]), curves.drop(columns=FID)) == []
