"""A set of images as the metrics see it: features, and what is derived from them once."""

from functools import cached_property

from torch import Tensor

from . import fid, kid, prdc


class Fitted:
    """Features (float32, n x d) of one image set; each derived quantity is computed when first used, then kept."""

    def __init__(self, features: Tensor, side: str = "real"):
        self.features = features
        self.side = side

    def __len__(self) -> int:
        return len(self.features)

    @cached_property
    def gaussian(self) -> fid.Gaussian:
        return fid.fit_gaussian(self.features, self.side, reused=self.side == "real")

    @cached_property
    def kernel(self) -> kid.Kernel:
        return kid.fit_kernel(self.features, self.side)

    @cached_property
    def balls(self) -> prdc.Balls:
        dense = prdc.DENSITY_NEIGHBOURS if self.side == "real" else None
        return prdc.fit_balls(self.features, self.side, for_density=dense)
