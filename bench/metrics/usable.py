"""Which feature extractors can be used now, without making any of them."""

from ..errors import UserError
from ..registries import extractors
from .weights import ORIGINS, find_weights


def obstacles() -> dict[str, str]:
    """What keeps each registered extractor from being used, in one line; empty if nothing does.

    Extractors of plug-ins are made once, since only they know what they need.
    """
    return {name: _obstacle(name) for name in extractors.names()}


def require_usable(name: str) -> None:
    """Raises ``UserError`` if the extractor cannot be used: what is missing, from where, and where to put it."""
    if name.startswith("efficientnet-lite0-"):
        from .efficientnet import packaged_weights

        packaged_weights()
        return
    if name in ORIGINS:
        find_weights(name)
    else:
        extractors.get(name)(name)


def _obstacle(name: str) -> str:
    try:
        require_usable(name)
    except UserError as error:
        return str(error)
    return ""
