"""What a matrix takes, before anything is run: hours and disk."""

from .matrix import Matrix
from .registries import strategies

FLOAT_BYTES = 4
ADAM_COPIES = 3
"""A checkpoint holds each trained tensor and its two moments."""
CHECKPOINTS = 2
"""The newest and the one before it."""
PICTURES_MB = 2.0


def describe_cost(matrix: Matrix) -> str:
    """One line: time of training on one device (if the matrix states its speed) and disk, kept and in passing."""
    runs = len(matrix.seeds) * sum(len(matrix.shots_of(target)) for target in matrix.targets)
    trained = [name for name, _ in matrix.variants() if strategies.get(name).trains]
    cells = runs * (len(trained) * len(matrix.augment) + len(matrix.variants()) - len(trained))
    trainings = runs * len(trained) * len(matrix.augment)
    if matrix.tune:  # a trial is a cell of its own, and serves all seeds
        trials = trainings // len(matrix.seeds) * matrix.tune.trials
        cells, trainings = cells + trials, trainings + trials
    kimg = trainings * matrix.budget.kimg
    kept, passing = disk_mb(matrix)
    disk = f"disk {kept * cells / 1000:.1f} GB kept, {passing:.0f} MB for each cell while it runs"
    if matrix.seconds_per_kimg is None:
        return f"at most {kimg:g} kimg of training (a matrix may state its seconds_per_kimg); {disk}"
    minutes = kimg * matrix.seconds_per_kimg / 60
    time = f"{minutes / 60:.0f} h" if minutes > 120 else f"{minutes:.0f} min"
    return (
        f"at most {kimg:g} kimg of training: {time} on one device at {matrix.seconds_per_kimg:g} s/kimg, "
        f"without evaluation; {disk}"
    )


def disk_mb(matrix: Matrix) -> tuple[float, float]:
    """Megabytes that a cell leaves (generator and pictures), and that it takes at most while it trains."""
    import torch

    from .backbones import make_backbone

    backbone = make_backbone(matrix.backbone.name, matrix.backbone.resolution, matrix.backbone.width)
    with torch.random.fork_rng(devices=[]):
        sizes = [
            FLOAT_BYTES * sum(t.numel() for t in network.state_dict().values()) / 1e6
            for network in (backbone.make_generator(), backbone.make_discriminator())
        ]
    generator, discriminator = sizes
    checkpoint = ADAM_COPIES * (generator + discriminator) + generator  # the last is the moving average
    return generator + PICTURES_MB, CHECKPOINTS * checkpoint
