"""The user's own images."""

import hashlib
import logging
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from PIL import ImageColor

from ..bench.errors import UserError, nearest
from . import register
from .base import About
from .collection import Collection, displayed
from .image_set import NAMED, ImageSet
from .listing import list_images
from .resizing import Resize

log = logging.getLogger(__name__)
OPTIONS = {"fit": ("crop", "letterbox"), "filter": ("lanczos", "box"), "on_bad": ("error", "skip"), "background": None}
"""Allowed values; None where any colour name or #rrggbb will do."""
MOST_COMPARED = 20_000
"""Images up to which near-duplicates are looked for without being asked: some seconds of matrix products."""


@register("folder")
class Folder(ImageSet):
    """Your own images: folder:PATH of a folder, a sub-folder, a .zip or a .txt list.

    Options follow the path, as in ``folder:photos?fit=letterbox&on_bad=skip``: ``fit`` (``crop`` or ``letterbox``),
    ``filter`` (``lanczos`` or ``box``), ``on_bad`` (``error`` or ``skip``) and ``background`` (any CSS colour),
    which shows through transparent pixels and in letterbox bars.
    """

    option = "PATH"

    def __init__(self, name: str):
        self.name = name
        place = name.partition(":")[2]
        path, mark, query = place.rpartition("?")
        if not mark or "=" not in query:
            path, query = place, ""
        if not path:
            raise UserError(f"domain {name!r} names no path; write folder:PATH")
        self.path = Path(path)
        with_skip = f"folder:{displayed(path)}?{'&'.join(filter(None, [query, 'on_bad=skip']))}"
        self.way_out = f"mend or remove them, or leave them out with on_bad: skip (write {with_skip})"
        chosen = self._options(query)
        self.on_bad = chosen.get("on_bad", "error")
        background = _colour(name, chosen.get("background", "white"))
        self.resize = Resize(chosen.get("filter", "lanczos"), chosen.get("fit", "crop"), background)

    @cached_property
    def about(self) -> About:  # type: ignore[override]
        return About(images=len(self.kept), licence="yours", how="your folder")

    def present(self) -> bool:
        return self.path.expanduser().exists()

    @property
    def identity(self) -> str:
        """Of the images, so that a folder gives the same shots wherever it lies and however its path is written.

        With the class of each where there are classes: they decide the splits as well.
        """
        hashes, classes = self.survey.hashes, self.listed.classes
        contents = sorted(hashes[i] if classes is None else f"{hashes[i]} {classes[i]!r}" for i in self.kept)
        return "folder " + hashlib.sha256("\n".join(contents).encode()).hexdigest()

    def collection(self) -> Collection:
        return list_images(self.path, self.resize.background)

    @cached_property
    def splits(self):
        splits = super().splits
        if len(self.kept) > MOST_COMPARED:
            where = self.listed.where
            log.warning("%s: too many images to look for near-duplicates now; graftbench check does", where)
            return splits
        leaks = self.leaks()
        if leaks:
            more = f" and {len(leaks) - NAMED} more pairs" if len(leaks) > NAMED else ""
            log.warning(
                "%s: leak between splits, these images are nearly the same: %s%s; keep one of each",
                self.listed.where,
                ", ".join(map(str, leaks[:NAMED])),
                more,
            )
        return splits

    def _options(self, query: str) -> dict[str, Any]:
        chosen = dict(parse_qsl(query, keep_blank_values=True))
        for key, value in chosen.items():
            if key not in OPTIONS:
                raise UserError(f"domain {self.name!r}: unknown option {key!r}; {nearest(key, OPTIONS)}")
            allowed = OPTIONS[key]
            if allowed is not None and value not in allowed:
                raise UserError(f"domain {self.name!r}: {key} is {value!r}; {nearest(value, allowed)}")
        return chosen


def _colour(name: str, text: str) -> tuple[int, int, int]:
    try:
        red, green, blue = ImageColor.getrgb(text)[:3]
    except ValueError as error:
        raise UserError(f"domain {name!r}: background {text!r} is no colour; use a name or #rrggbb") from error
    return red, green, blue
