"""Numbers that others published, in tables of their own beside ours.

They are never merged with measured rows: each table says by which protocol its numbers came about, where each was
seen, and how that differs from ours.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from .columns import column
from .table import Table, Value

OURS = (
    *("graftbench", "as the table says", "held-out images of the target, shots excluded", "named in the metric"),
    *("fixed final iteration of the averaged generator", "as the table says"),
)
PROTOCOL_HEAD = ("protocol", "generated images", "reference", "network", "checkpoint", "seeds")


@dataclass(frozen=True)
class Method:
    """One published row. ``values`` follow the table's targets; ``None`` where no number was seen."""

    name: str
    source: str
    seen: str
    values: tuple[float | None, ...]
    ours: str = ""


@dataclass(frozen=True)
class Protocol:
    """How a set of numbers was measured."""

    title: str
    fakes: str
    reference: str
    network: str
    checkpoint: str
    seeds: str
    difference: str


@dataclass(frozen=True)
class Published:
    """One published table."""

    name: str
    title: str
    metric: str
    protocol: Protocol
    targets: tuple[str, ...]
    methods: tuple[Method, ...]


@cache
def published() -> tuple[Published, ...]:
    """Everything in ``published.yaml``. Raises ``ValueError`` where a number lacks its source, protocol or target."""
    text = Path(__file__).with_name("published.yaml").read_text(encoding="utf-8")
    stored = yaml.safe_load(text)
    protocols = {name: Protocol(**entry) for name, entry in stored["protocols"].items()}
    found = []
    for entry in stored["tables"]:
        methods = []
        for each in entry["methods"]:
            if len(each["values"]) != len(entry["targets"]):
                raise ValueError(f"published.yaml: {entry['name']}: {each['name']} has another number of values")
            source, seen = stored["sources"][each["source"]], stored["seen"][each["seen"]]
            methods.append(Method(each["name"], source, seen, tuple(each["values"]), each.get("ours", "")))
        found.append(
            Published(
                entry["name"],
                entry["title"],
                entry["metric"],
                protocols[entry["protocol"]],
                tuple(entry["targets"]),
                tuple(methods),
            )
        )
    return tuple(found)


def published_tables() -> list[Table]:
    """The protocols side by side with ours, then one table per published table."""
    return [protocol_table(), *map(published_table, published())]


def protocol_table() -> Table:
    """How our numbers and the published ones were measured."""
    protocols = list(dict.fromkeys(each.protocol for each in published()))
    return Table(
        name="published-protocols",
        title="How published numbers were measured, beside ours",
        head=PROTOCOL_HEAD,
        body=(
            OURS,
            *((p.title, p.fakes, p.reference, p.network, p.checkpoint, p.seeds) for p in protocols),
        ),
        notes=tuple(f"{each.title}: {each.difference.strip()}" for each in protocols),
    )


def published_table(table: Published) -> Table:
    """One published table as it was seen, with its protocol spelled out."""
    found = column(table.metric)
    protocol = table.protocol
    used = dict.fromkeys((method.source, method.seen) for method in table.methods)
    letters = dict(zip(used, "abcdefghij", strict=False))
    body: list[tuple[Value, ...]] = [
        (f"{method.name} [{letters[method.source, method.seen]}]", *map(shown, method.values), method.ours or None)
        for method in table.methods
    ]
    return Table(
        name=f"published-{table.name}",
        title=f"Published: {table.title} {found.arrow}",
        head=("method [where seen]", *table.targets, "closest here"),
        body=tuple(body),
        notes=(
            f"Published by others, not measured here, and not comparable with our tables; {found.direction}.",
            f"Protocol {protocol.title}: generated images {protocol.fakes}; reference: {protocol.reference};"
            f" network: {protocol.network}; checkpoint: {protocol.checkpoint}; seeds: {protocol.seeds}.",
            f"Difference from ours: {protocol.difference.strip()}",
            *(f"[{letter}] {source}; {seen}." for (source, seen), letter in letters.items()),
        ),
    )


def shown(value: float | None) -> str | None:
    """A number with two places, as most were printed; KID needs four."""
    if value is None:
        return None
    return f"{value:.2f}" if value >= 1 else f"{value:.4f}"
