"""The exclusive measurements that a store holds, and its rows and curves on their clock."""

import logging
from pathlib import Path

import pandas as pd

from ...reports.clock import EXCLUSIVE, with_exclusive_clock
from ..rows import read_curves, read_rows
from ..store import Store
from .session import read_results

log = logging.getLogger(__name__)

FOLDER = "throughput"
"""Of a store: ``graftbench throughput --out STORE/throughput`` writes there."""


def read_reported(store: Store) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows and curves as they are reported: seconds from the store's exclusive measurements where these cover them."""
    rows, curves = with_exclusive_clock(read_rows(store), read_curves(store), stored_speeds(store.root / FOLDER))
    if (store.root / FOLDER).is_dir() and len(rows) and not (rows["clock"] == EXCLUSIVE).any():
        log.warning(
            "%s does not cover the cells (every strategy, their width, batch, precision, threads, torch and machine, "
            "idle): reported seconds are the cells' own",
            store.root / FOLDER,
        )
    return rows, curves


def stored_speeds(folder: Path) -> pd.DataFrame:
    """All results below ``folder`` that were measured on an idle machine, the newest last; empty if there are none."""
    results = [read_results(path) for path in folder.rglob("*.json")]
    idle = [result[~result["busy"].astype(bool)] for result in sorted(results, key=lambda found: found["measured"][0])]
    idle = [result for result in idle if len(result)]
    if not idle:
        return pd.DataFrame()
    speeds = pd.concat(idle, ignore_index=True)
    widths = [_width(*where) for where in zip(speeds["backbone"], speeds["resolution"], speeds["width"], strict=True)]
    compiled = speeds["compile"].eq(True) if "compile" in speeds else False  # older results are of plain networks
    return speeds.assign(width=widths, device=speeds["device"].str.partition(":")[0], compile=compiled)


def _width(backbone: str, resolution: int, width: float | None) -> int:
    """In channels; the backbone's default where none was asked for."""
    from ..backbones import make_backbone

    return make_backbone(backbone, int(resolution)).width if width is None or pd.isna(width) else int(width)
