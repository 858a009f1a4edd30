"""The exclusive measurements that a store holds."""

from pathlib import Path

import pandas as pd

from .session import read_results

FOLDER = "throughput"
"""Of a store: ``graftbench throughput --out STORE/throughput`` writes there."""


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
    """In channels; the backbone's default where a result of before does not say it."""
    from ..backbones import make_backbone

    return make_backbone(backbone, int(resolution)).width if width is None or pd.isna(width) else int(width)
