"""The figures' typeface: DejaVu Sans without the scripts and rules that no figure of ours uses.

Each PDF embeds the glyphs that it shows. Cutting them out of the whole typeface (6,000 glyphs and their layout rules)
takes a third of a report's time; out of this cut, made once per process, it takes next to none. A sign that the cut
lacks comes from the whole typeface.
"""

import atexit
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
from fontTools import subset
from fontTools.ttLib import TTFont
from matplotlib import font_manager

WHOLE = "DejaVu Sans"
"""Ships with matplotlib, so that every machine draws the same."""
CUT = "DejaVu Sans Latin"
FILES = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")
KEPT = (
    *range(0x20, 0x180),  # Latin
    *range(0x370, 0x400),  # Greek
    *range(0x2010, 0x2060),  # dashes, quotes, ellipsis
    *range(0x2070, 0x20A0),  # raised and lowered digits
    *range(0x2190, 0x21A0),  # arrows
    *range(0x2200, 0x2270),  # mathematical signs
    0x25BC,  # a sign of our heat map
)
FAMILY, FULL_NAME, POSTSCRIPT_NAME = 1, 4, 6


@cache
def families() -> list[str]:
    """Names for matplotlib's ``font.family``, the cut first; makes and registers it at the first call."""
    folder = _folder()
    for name in FILES:
        path = Path(folder.name) / name
        _cut(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name, path)
        font_manager.fontManager.addfont(path)
    return [CUT, WHOLE]


@cache
def _folder() -> tempfile.TemporaryDirectory:
    """Lives as long as the process: matplotlib reads the files whenever it saves a figure."""
    folder = tempfile.TemporaryDirectory(prefix="graftbench-fonts-")
    atexit.register(folder.cleanup)
    return folder


def _cut(whole: Path, to: Path) -> None:
    """Write the kept glyphs with their kerning, under the cut's own name (its licence asks for another one)."""
    options = subset.Options(glyph_names=True, notdef_outline=True, legacy_kern=True)
    options.drop_tables += ["GDEF", "GPOS", "GSUB", "MATH", "FFTM"]
    with TTFont(whole, recalcTimestamp=False) as font:
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=KEPT)
        cutter.subset(font)
        names: Any = font["name"]
        for record in names.names:
            if record.nameID in (FAMILY, FULL_NAME):
                record.string = record.toUnicode().replace(WHOLE, CUT)
            elif record.nameID == POSTSCRIPT_NAME:
                record.string = record.toUnicode().replace(WHOLE.replace(" ", ""), CUT.replace(" ", ""))
        font.save(to)
