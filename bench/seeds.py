"""Seeds named by what they decide.

All strategies of a repetition see the same shots, the same fresh initial weights and the same evaluation noise,
because none of those axes names the strategy: comparisons are paired by design.
"""

import hashlib
import json


def seed_for(axis: str, *names: str | int | float) -> int:
    """A 63-bit seed derived by hashing the axis and the names that it depends on.

    >>> seed_for("shots", "toycats", 10, 0) == seed_for("shots", "toycats", 10, 0)
    True
    """
    digest = hashlib.sha256(json.dumps([axis, *names]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
