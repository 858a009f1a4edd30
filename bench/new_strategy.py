"""The file that ``graftbench new strategy`` writes."""

import keyword
import re
from pathlib import Path

from .errors import UserError
from .registries import strategies

TEMPLATE = '''\
"""{title}: say here what it does. Check it with: graftbench check {file}"""

from dataclasses import dataclass

from graftbench.strategies import register, tunable
from graftbench.strategies.finetune import FineTune


@register("{name}", cite="")  # its name in matrices and tables; the paper that it comes from
@dataclass
class {kind}(FineTune):  # both networks start from the source; see AdversarialStrategy for all hooks
    """One line that graftbench list shows."""

    strength: float = tunable(0.01, low=1e-4, high=1.0, log=True)  # a hyper-parameter and its search range

    def adapt(self):  # once, before the first step: freeze, replace or add parts. "source..." is never trained
        self.source_generator = self.setup.source.make_generator().to(self.setup.device).requires_grad_(False)

    def generator_penalty(self):  # added to the generator's loss in each step; here the distance from the source
        pairs = zip(self.generator.parameters(), self.source_generator.parameters(), strict=True)
        return self.strength * sum((ours - theirs).square().sum() for ours, theirs in pairs)
'''


def write_new_strategy(name: str, folder: Path) -> Path:
    """Write the template for a strategy called ``name``; returns the file's path.

    Raises ``UserError`` for a name that is no name or is taken, and for a file that is there already.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise UserError(f"{name!r} is no name for a strategy: use lower-case words and hyphens, as in my-method")
    if name in strategies.entries():
        raise UserError(f"a strategy {name!r} exists already: {strategies.entry(name).origin}")
    path = folder / f"{name.replace('-', '_')}.py"
    if path.exists():
        raise UserError(f"{path} exists already; choose another name or folder")
    words = name.split("-")
    kind = "".join(word.capitalize() for word in words)
    if keyword.iskeyword(kind):
        raise UserError(f"a strategy {name!r} would be a class {kind}, which is Python's own word; choose another name")
    folder.mkdir(parents=True, exist_ok=True)
    text = TEMPLATE.format(name=name, title=" ".join(words).capitalize(), kind=kind, file=path)
    path.write_text(text, encoding="utf-8")
    return path
