"""What a sample of a given size can show, before and after the run."""

from dataclasses import asdict, dataclass

import numpy as np
from scipy import stats

from .formats import counted
from .intervals import CONFIDENCE, mean_multiplier, stratified_interval, student, widening
from .significance import ALPHA, critical_difference, friedman_floor, holm_floor, nemenyi_floor

MOST = 1000
"""Searches for more seeds or targets stop here and answer ``None``."""


@dataclass(frozen=True)
class Power:
    """The attainable p of each test, in the best case of perfect agreement, and what would be enough."""

    strategies: int
    blocks: int
    seeds: int
    alpha: float
    friedman_floor: float
    nemenyi_floor: float
    holm_floor: float
    critical_difference: float | None
    largest_gap: int
    blocks_for_any_pair: int
    """Fewest blocks with which first against last can be separated."""
    blocks_for_neighbours: int
    """Fewest blocks with which neighbours can be separated, if every block agrees."""
    cell_half_width: float | None
    """Half-width of one cell's interval in standard deviations of a seed; ``None`` with one seed."""

    @property
    def testable(self) -> bool:
        return self.nemenyi_floor < self.alpha

    def sentences(self) -> list[str]:
        """For `graftbench plan` and under each ranking."""
        lines = [
            f"{counted(self.strategies, 'strategy', 'strategies')} on {counted(self.blocks, 'block')} (source, target, "
            f"shots), {counted(self.seeds, 'seed')} each.",
            f"Smallest attainable p: Wilcoxon {self.friedman_floor:.2g}."
            if self.strategies == 2
            else f"Smallest attainable p: Friedman {self.friedman_floor:.2g}, Nemenyi {self.nemenyi_floor:.2g},"
            f" Holm {self.holm_floor:.2g}.",
        ]
        if self.strategies < 2:
            return lines[:1]
        if not self.testable:
            lines.append(
                f"No pair can be separated at {self.alpha:g} (untestable, not tied): {self.blocks_for_any_pair} blocks"
                " are the fewest that can."
            )
        elif self.critical_difference is not None:
            lines.append(
                f"Critical difference {self.critical_difference:.2f} of at most {self.largest_gap} mean ranks;"
                f" neighbours need {self.blocks_for_neighbours} blocks that all agree."
            )
        if self.cell_half_width is None:
            lines.append("One seed: no interval for a single cell.")
        else:
            lines.append(f"A cell's {CONFIDENCE:.0%} interval: mean ± {self.cell_half_width:.1f} deviations of a seed.")
        return lines

    def to_dict(self) -> dict:
        return asdict(self) | {"testable": self.testable}


def plan_power(strategies: int, targets: int, seeds: int, alpha: float = ALPHA) -> Power:
    """What ``strategies`` compared on ``targets`` blocks with ``seeds`` can show at best."""
    if min(strategies, targets, seeds) < 1:
        raise ValueError("strategies, targets and seeds are counts")
    few = strategies < 2
    return Power(
        strategies=strategies,
        blocks=targets,
        seeds=seeds,
        alpha=alpha,
        friedman_floor=1.0 if few else friedman_floor(strategies, targets),
        nemenyi_floor=1.0 if few else nemenyi_floor(strategies, targets),
        holm_floor=1.0 if few else holm_floor(strategies, targets),
        critical_difference=critical_difference(strategies, targets, alpha) if strategies > 2 else None,
        largest_gap=strategies - 1,
        blocks_for_any_pair=0 if few else blocks_for_gap(strategies, strategies - 1, alpha) or 0,
        blocks_for_neighbours=0 if few else blocks_for_gap(strategies, 1.0, alpha) or 0,
        cell_half_width=mean_multiplier(seeds) if seeds > 1 else None,
    )


def blocks_for_gap(strategies: int, gap: float, alpha: float = ALPHA) -> int | None:
    """Fewest blocks whose critical difference is below a gap of mean ranks; ``None`` beyond ``MOST``."""
    if strategies == 2:
        # Wilcoxon's floor if the gap is whole; a smaller gap means disagreeing blocks, counted by the sign test's z.
        if gap >= 1:
            return next(blocks for blocks in range(1, MOST) if friedman_floor(2, blocks) < alpha)
        needed = (stats.norm.ppf(1 - alpha / 2) / gap) ** 2 if gap > 0 else np.inf
    else:
        needed = (critical_difference(strategies, 1, alpha) / gap) ** 2 if gap > 0 else np.inf
    return int(np.floor(needed)) + 1 if needed < MOST else None


def more_seeds(differences: list[np.ndarray]) -> int | None:
    """How many more seeds per target would make the interval of the mean paired difference leave zero outside.

    ``differences`` holds, per target, the paired differences seen so far, positive where the order holds. 0 if their
    own interval (see ``intervals``) leaves it outside already; else their mean and spread are taken as true, so that
    so many seeds do about every other time. ``None`` if they cannot say (one seed, no difference or one against the
    order, which mean ranks may have) or beyond ``MOST``.
    """
    if not differences or min(map(len, differences)) < 2:
        return None
    now = stratified_interval(differences)
    if now.low is not None and now.low > 0:
        return 0
    if now.estimate <= 0:
        return None
    parts = np.array([target.var(ddof=1) for target in differences]) / len(differences) ** 2
    wider = widening(tuple(sorted(map(len, differences))), "mean")  # of more seeds it is less: rather too many
    here = min(map(len, differences))
    seeds = np.arange(here + 1, MOST + 1)
    freedom = parts.sum() ** 2 / (parts**2).sum() * (seeds - 1)
    enough = seeds[wider * student(freedom) * np.sqrt(parts.sum() / seeds) < now.estimate]
    return int(enough[0]) - here if len(enough) else None
