"""A table entry by names, before anyone has looked at the program it is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from p4kube_core.model.match import Match
from p4kube_core.model.meter import Rates


@final
@dataclass(frozen=True, slots=True)
class NamedEntry:
    """One entry, or a table's default action.

    Names are as in P4Info: full, an alias, or any suffix of it at a dot that only one thing has.
    """

    table: str
    match: tuple[tuple[str, Match], ...]  # by field name; a field left out matches anything
    action: str
    params: tuple[tuple[str, int], ...] = ()
    priority: int | None = None  # the higher wins; only for tables that have one
    is_default: bool = False
    label: str | None = None  # the rule that it comes from, for people; several may share one
    place: str = ""  # where it was written, for messages: a path into the YAML or file:line
    rates: Rates | None = None  # of the table's direct meter; None: no limit
