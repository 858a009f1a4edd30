"""The matrix ``fashion``, cut to the smallest size that is still a real run on real photographs.

Only the strategy that needs no source model is run: training one takes minutes.
"""

import json
import math

import pytest
from graftbench.bench.matrix_file import load_matrix
from graftbench.datasets.fashion_mnist import DEBIAN

pytestmark = pytest.mark.skipif(not DEBIAN.is_dir(), reason=f"{DEBIAN} is missing; apt install dataset-fashion-mnist")


@pytest.mark.slow
def test_nine_classes_to_the_tenth_give_rows_and_a_page(graftbench, matrix_file, tmp_path):
    asked = load_matrix("fashion")
    shared = {"targets": [target.domain for target in asked.targets], "shots": asked.shots}
    path = matrix_file("fashion", source=asked.source.model_dump(exclude_none=True), strategies=["scratch"], **shared)
    done = graftbench("run", path)
    assert done.returncode == 0, done.stderr
    cells = tmp_path / "runs" / "fashion" / "cells"
    finals = [json.loads(file.read_text()) for file in cells.glob("*/final.json")]
    assert len(finals) == len(asked.shots) == 2
    assert all(math.isfinite(final["kid@efficientnet-lite0-64"]) for final in finals)
    assert {final["resize"] for final in finals} == {"lanczos, centre crop"}
    assert "fashion-mnist:8" in (tmp_path / "runs" / "fashion" / "report" / "index.html").read_text()
