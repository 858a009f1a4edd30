"""Made-up results with pictures, for the tests of what is drawn of them."""

import numpy as np
import pytest
from graftbench.reports.catalogue import Pictures
from PIL import Image
from synthetic import synthetic


def grid(path, tiles=4, resolution=32, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 255, (resolution * 2, resolution * tiles // 2, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grids")
    rows, curves = synthetic(["scratch", "finetune", "vae"], 2, 2, failed=[("vae", "babies", 0)])
    samples = {key: grid(folder / f"{number}.png", seed=number) for number, key in enumerate(rows["key"])}
    real = dict.fromkeys(rows["key"], grid(folder / "real.png", seed=999))
    return {"rows": rows, "curves": curves, "pictures": Pictures(samples=samples, real=real)}
