"""Do all backbones learn? ``python -m graftbench.bench.learning_check FOLDER [--backbone NAME] [--kimg K]``.

Trains each registered backbone from scratch on a domain at 32 px, narrow enough for a CPU, and writes its curve to
``FOLDER/<domain>-32-<backbone>.json`` with the factor by which KID fell from its start.
"""

import argparse
import json
import logging
import tempfile
import time
from pathlib import Path

import torch

from .files import write_json
from .pretrain import pretrain
from .registries import backbones
from .source import SourceSpec

WIDTHS = {"dcgan": 16, "sngan": 8, "stylegan2": 16}
BATCHES = {"dcgan": 16, "sngan": 32, "stylegan2": 16}
EXTRACTOR = "efficientnet-lite0-64"


def check(backbone: str, domain: str, kimg: float, folder: Path) -> dict:
    """Train one backbone; returns what is written."""
    spec = SourceSpec("gan", backbone, 32, WIDTHS.get(backbone, 16), domain, kimg, BATCHES.get(backbone, 32), seed=0)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        curve = pretrain(spec, Path(scratch), torch.device("cpu"), EXTRACTOR)
    scores = [point[f"kid@{EXTRACTOR}"] for point in curve]
    found = {
        **vars(spec),
        "curve": curve,
        "kid_fell_by_factor": scores[0] / max(scores[-1], 1e-6),
        "wall_seconds": time.perf_counter() - started,
        "threads": torch.get_num_threads(),
    }
    write_json(folder / f"{domain}-32-{backbone}.json", found)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--backbone", action="append", choices=backbones.names())
    parser.add_argument("--domain", default="toyfaces")
    parser.add_argument("--kimg", type=float, default=20)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    for name in options.backbone or backbones.names():
        found = check(name, options.domain, options.kimg, options.folder)
        logging.info("%s: %s", name, json.dumps({k: v for k, v in found.items() if k != "curve"}))


if __name__ == "__main__":
    main()
