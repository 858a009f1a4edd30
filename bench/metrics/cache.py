"""Tensors kept on disk under the hash of everything that they depend on."""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..files import replacing

logger = logging.getLogger(__name__)


def cached_tensor(folder: Path | None, key: str, compute: Callable[[], Tensor]) -> Tensor:
    """The tensor stored under ``key``, or else the one that ``compute`` gives, which is then stored.

    Written by rename, so that processes that race write the same file and none reads half of one. A file that does
    not read is reported in the log and made again. ``folder`` None means no cache.
    """
    if folder is None:
        return compute()
    path = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.safetensors"
    if path.exists():
        try:
            return load_file(path)["tensor"]
        except (SafetensorError, KeyError) as error:
            logger.warning("cached %s does not read (%s); it is computed again", path, error)
    tensor = compute()
    try:
        with replacing(path) as temporary:
            save_file({"tensor": tensor.cpu().contiguous()}, temporary)
    except (OSError, SafetensorError) as error:
        logger.warning("%s cannot be kept (%s); it will be computed each time", path, error)
    return tensor
