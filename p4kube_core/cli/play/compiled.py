"""A function with its program compiled for a target, and what it is to hold resolved."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import final

from p4kube_core import errors, protos
from p4kube_core.cli import compilation
from p4kube_core.model import artifact as artifacts
from p4kube_core.model.function import NetworkFunction
from p4kube_core.reconciler import desire, plan
from p4kube_core.switch import messages, schema, values


@final
@dataclass(frozen=True, slots=True)
class Compiled:
    function: NetworkFunction
    artifact: artifacts.Artifact
    schema: schema.Schema
    state: tuple[values.Entity, ...]
    sizes: Mapping[str, int]  # most entries, by table

    @property
    def target(self) -> str:
        return self.artifact.manifest.target

    @property
    def entries(self) -> int:
        return sum(isinstance(one, values.TableEntry) for one in self.state)

    @property
    def cookie(self) -> int:
        """Of the program's content, so that one that runs already is not loaded again."""
        return int(self.artifact.manifest.digest.removeprefix("sha256:")[:16], 16)

    def config(self) -> str:
        """The p4.v1.ForwardingPipelineConfig, in base 64."""
        message = protos.p4runtime.ForwardingPipelineConfig()
        message.p4info.ParseFromString(self.artifact.p4info)
        message.p4_device_config = artifacts.pack(self.artifact)
        message.cookie.cookie = self.cookie
        return _text(message.SerializeToString(deterministic=True))

    def updates(self) -> str:
        """The p4.v1.WriteRequest that fills a device which holds nothing, in base 64."""
        request = protos.p4runtime.WriteRequest()
        for write in plan.writes(self.state, (), self.sizes):
            request.updates.extend(messages.update_message(self.schema, u) for u in write)
        return _text(request.SerializeToString(deterministic=True))


def compiled(function: NetworkFunction, target: str) -> Compiled:
    """Compile a function's program, and see that what it is to hold fits.

    Raises:
        errors.ProgramError: what is wrong with the program, or UnsupportedByTarget.
        errors.ManifestError: what the program has no place for.
    """
    made = compilation.artifact_of(function.program, target)
    known = schema.from_p4info(protos.p4info.P4Info.FromString(made.p4info))
    state = desire.entities(known, function.state)
    sizes = {table.name: table.size for table in made.manifest.tables}
    problems = [
        f"{function.place}: {count} entries for {table}, which has room for {sizes[table]}"
        for table, count in _counts(state).items()
        if count > sizes.get(table, count)
    ]
    if problems:
        raise errors.ManifestError(problems)
    return Compiled(function, made, known, state, sizes)


def _counts(state: Iterable[values.Entity]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for entry in state:
        if isinstance(entry, values.TableEntry) and not entry.default:
            counts[entry.table] = counts.get(entry.table, 0) + 1
    return counts


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
