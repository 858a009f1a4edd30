"""Which feature extractors can be used now, without making any of them."""

from ..errors import UserError
from ..registries import extractors
from .efficientnet import packaged_weights
from .fidelity import ORIGINS, find_weights


def obstacles() -> dict[str, str]:
    """What keeps each registered extractor from being used, in one line; empty if nothing does.

    Extractors of plug-ins are made once, since only they know what they need.
    """
    return {name: _obstacle(name) for name in extractors.names()}


def _obstacle(name: str) -> str:
    try:
        if name in ORIGINS:
            find_weights(name)
        elif name.startswith("efficientnet-lite0-"):
            packaged_weights()
        else:
            extractors.get(name)(name)
    except UserError as error:
        return str(error)
    return ""
