"""Which rows may stand in one figure: those that share everything but strategy, target and seed."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from .strata import SETTINGS
from .style import Look, look

SHARED = ["backbone", "resolution", "width", "source", "kimg", "batch", "precision", "extractor", "protocol"]
"""Columns that are equal within a setting (and across numbers of shots, see ``settings``)."""


@dataclass(frozen=True)
class Setting:
    """Rows and curves of one setting. ``slug`` is empty where the report has only one."""

    slug: str
    title: str
    rows: pd.DataFrame
    curves: pd.DataFrame
    """One row per evaluation, with label, strategy, target and seed of its cell."""
    extractor: str

    def metric(self, name: str) -> str:
        """Column of a metric under this setting's extractor."""
        return f"{name}@{self.extractor}"

    def named(self, stem: str) -> str:
        return f"{slug(stem)}-{self.slug}" if self.slug else slug(stem)

    @property
    def targets(self) -> list[str]:
        return sorted(self.rows["target"].unique())

    @property
    def completeness(self) -> str:
        """How many cells of ranked strategies have ended well, which are those that figures compare."""
        status = self.rows.loc[~self.rows["reference"].astype(bool), "status"]
        ok = int((status == "ok").sum())
        found = f"{ok} of {len(status)} cells" if ok != len(status) else f"all {ok} cells"
        return f"{found} of ranked strategies"

    def looks(self, references: bool = True) -> dict[str, Look]:
        """Look of each label, strategies in the order of their names and references last."""
        rows = self.rows if references else self.rows[~self.rows["reference"].astype(bool)]
        names = rows[["reference", "strategy", "label"]].drop_duplicates("label")
        names = names.sort_values(["reference", "strategy", "label"])
        return {label: look(strategy, label) for strategy, label in zip(names["strategy"], names["label"], strict=True)}


def settings(rows: pd.DataFrame, curves: pd.DataFrame, across_shots: bool = False) -> list[Setting]:
    """Split rows and curves into settings; with ``across_shots`` the number of shots may vary inside one."""
    if rows.empty:
        return []
    columns = [*SHARED, *([] if across_shots else ["shots"]), *(name for name in SETTINGS if name in rows)]
    frame = rows.assign(kimg=rows["kimg"].astype(float)).sort_values(["target", "label", "seed", "key"])
    reference = frame["reference"].astype(bool)
    compared = frame[~reference] if not reference.all() else frame
    varying = [column for column in columns if compared[column].astype(str).nunique() > 1]
    names = frame[["key", "label", "strategy", "target", "seed", "shots"]].drop_duplicates("key")
    named = names.merge(curves, on="key") if "key" in curves else names.iloc[:0].assign(kimg=[], seconds=[])
    named = named.sort_values(["target", "label", "seed", "key", "kimg"])
    found = []
    groups = compared.groupby(varying, sort=True, dropna=False) if varying else [((), compared)]
    for values, group in groups:
        if compared is not frame:
            group = pd.concat([group, _references(frame[reference], group, columns)])
        inside = named[named["key"].isin(group["key"])]
        words = [_word(column, value) for column, value in zip(varying, values, strict=True)]
        first = group.iloc[0]
        told = [column for column in columns if column in varying or column not in ("width", "batch", *SETTINGS)]
        title = " · ".join(_word(column, first[column]) for column in told)
        found.append(
            Setting(slug("-".join(words).replace(" ", "-").lower()), title, group, inside, str(first["extractor"]))
        )
    return found


def slug(name: str) -> str:
    """A file name for any name: two different names never share one."""
    plain = re.sub(r"[^a-z0-9._]+", "-", name.lower()).strip("-._")
    if plain == name and len(plain) <= 100:
        return plain
    return f"{plain[:80]}-{hashlib.sha256(name.encode()).hexdigest()[:6]}".strip("-")


def _references(references: pd.DataFrame, group: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The reference rows that belong to a group; of those that train nothing, the budget says nothing."""
    same = references[columns].astype(str).eq(group[columns].astype(str).iloc[0])
    untrained = references["taught_by"] == "" if "taught_by" in references else pd.Series(True, references.index)
    for column in {"kimg", "batch", "optimisation", "compile", "points"} & set(columns):
        same[column] |= untrained
    return references[same.all(axis=1)]


def _word(column: str, value: object) -> str:
    forms = {
        "resolution": "{:.0f} px",
        "width": "width {:.0f}",
        "shots": "{:.0f} shots",
        "kimg": "{:g} kimg",
        "batch": "batch {:.0f}",
        "fakes": "{:.0f} fakes",
        "reals": "{:.0f} reals",
        "points": "{:.0f} evaluations",
        "compile": "compile {}",
        "optimisation": "optimisation {}",
        "source": "from {}",
    }
    return forms.get(column, "{}").format(value)


def present(frame: pd.DataFrame, columns: Iterable[str]) -> bool:
    """Whether all ``columns`` exist and some row has all of them."""
    columns = list(columns)
    return set(columns) <= set(frame.columns) and bool(frame[columns].notna().all(axis=1).any())
