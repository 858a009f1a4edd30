"""The text beside an exported generator: what it is, how good it was found to be, how to load it, and its licences."""

from typing import Any

from ..datasets import open_domain
from .errors import UserError
from .metrics.names import METRICS, split_name
from .registries import strategies

CARD = """# {label}: {source} → {target}, {shots} images

A {backbone} generator of {resolution} x {resolution} px images, adapted with the strategy `{strategy}` by graftbench.
It is the moving average of the weights after the last iteration ({kimg:g} thousand images shown), seed {seed}.

![samples](samples.png)

## Use

Run this in the folder of this file, with graftbench installed:

```python
import graftbench

model = graftbench.load(".")
images = model.sample(16, seed=0)  # uint8, 16 x 3 x {resolution} x {resolution}
print(tuple(images.shape), images.dtype)
```

Latents are standard normal with {latent_dim} dimensions. `generator.safetensors` holds the weights (SHA-256
`{sha256}`), `spec.json` everything that decided them; cell key `{key}`.

## How good it was found to be

Measured on {n_fake} generated and {n_real} {images} with `{extractor}` features, not comparable with numbers of
other extractors or sizes.

| metric | value | better |
|---|---|---|
{metrics}

Trained for {train_seconds:.0f} s on {hardware} (torch {torch}).

## Where it comes from

{origins}

Weights may carry over obligations from the images that they were trained on; whether they do is not settled by this
file. Do not use it to make images that pass for photographs of real people.
"""
REFERENCES = {"held-out": "held-out real images", "literature": "real images of the literature's protocol"}


def model_card(spec: dict[str, Any]) -> str:
    """Markdown for a model's spec, as ``export`` writes it."""
    cell, measured = spec["cell"], spec["measured"]
    return CARD.format(
        **{name: cell[name] for name in ("source", "target", "shots", "backbone", "resolution", "strategy")},
        **{name: cell[name] for name in ("kimg", "seed", "extractor")},
        **{name: spec[name] for name in ("label", "latent_dim", "sha256", "key")},
        n_fake=measured["n_fake"],
        n_real=measured["n_real"],
        images=REFERENCES[cell["protocol"]],
        metrics="\n".join(_metrics(measured)),
        train_seconds=measured["train_seconds"],
        hardware=spec["made_on"]["hardware"],
        torch=spec["made_on"]["torch"],
        origins="\n".join(_origins(cell)),
    )


def _metrics(measured: dict[str, Any]) -> list[str]:
    """The lines of the table, in the order in which the metrics are declared."""
    values = {}
    for column, value in measured.items():
        if "@" in column and not column.startswith(("best_", "floor_", "validation_")):
            values[split_name(column)[1]] = value
    return [
        f"| {METRICS[name].label} | {values[name]:.4g} | {METRICS[name].better or ''} |"
        for name in METRICS
        if name in values
    ]


def _origins(cell: dict[str, Any]) -> list[str]:
    """Licence, homepage and citation of the target, the source and the strategy, as far as they are known here."""
    lines = [_domain_line("Target images", cell["target"])]
    if cell["source_sha256"]:
        lines.append(_domain_line("Source images", cell["source"]))
        lines.append(f"- Source model: SHA-256 `{cell['source_sha256']}`")
    entry = strategies.entries().get(cell["strategy"])
    lines.append(
        f"- Strategy: `{cell['strategy']}`. {entry.cite if entry else 'A plug-in, not registered here.'}".rstrip()
    )
    return lines


def _domain_line(words: str, name: str) -> str:
    try:
        about = open_domain(name).about
    except UserError as error:
        return f"- {words}: `{name}`; licence unknown here ({error})"
    said = [f"- {words}: `{name}`; licence: {about.licence or 'not stated'}", about.homepage, about.cite]
    return ". ".join(part for part in said if part)
