"""A ForwardingPipelineConfig, checked and indexed: what Write and Read look things up in."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar, final

from p4kube_core import protos
from p4kube_core.agent.p4data import Shape
from p4kube_core.agent.packing import Packer
from p4kube_core.agent.refusal import INVALID_ARGUMENT, NOT_FOUND, UNIMPLEMENTED, Refusal, listed
from p4kube_core.model import artifact

MOST_REGISTER_BITS: Final = 64  # of a cell, that control can read and write


@final
@dataclass(frozen=True, slots=True)
class Pipeline:
    config: bytes  # serialised p4.v1.ForwardingPipelineConfig, as the client sent it
    manifest: artifact.Manifest
    object: bytes  # the shared object
    tables: dict[int, Packer]  # by P4Info id
    counters: dict[int, artifact.Counter]  # the indirect ones, by P4Info id
    digests: dict[int, artifact.Digest]  # by P4Info id
    meters: dict[int, artifact.Meter]  # the indirect ones, by P4Info id
    registers: dict[int, artifact.Register]  # by P4Info id
    padding: frozenset[int]  # ids of the metadata of packet_out that the program does not read
    shapes: dict[int, Shape]  # of the data of digests and registers, by P4Info id

    def table(self, table_id: int) -> Packer:
        """The table of this id.

        Raises:
            Refusal: NOT_FOUND.
        """
        found = self.tables.get(table_id)
        if found is None:
            known = listed(f"{t.name} ({t.id})" for t in self.tables.values())
            raise Refusal(NOT_FOUND, f"no table {table_id}; tables: {known}")
        return found

    def counter(self, counter_id: int) -> artifact.Counter:
        """The indirect counter of this id.

        Raises:
            Refusal: NOT_FOUND.
        """
        return _found("counter", self.counters, counter_id)

    def meter(self, meter_id: int) -> artifact.Meter:
        """The indirect meter of this id; raises as `counter`."""
        return _found("meter", self.meters, meter_id)

    def register(self, register_id: int) -> artifact.Register:
        """The register of this id.

        Raises:
            Refusal: NOT_FOUND, or UNIMPLEMENTED where its cells cannot be told.
        """
        found = _found("register", self.registers, register_id)
        try:
            self.shapes[register_id].scalar()
        except Refusal as refusal:
            raise Refusal(refusal.code, f"register {found.name}: {refusal.message}") from None
        if found.width > MOST_REGISTER_BITS:
            raise Refusal(
                UNIMPLEMENTED,
                f"register {found.name}: want cells of at most {MOST_REGISTER_BITS} bits, "
                f"it has {found.width}",
            )
        return found

    def told_registers(self) -> list[artifact.Register]:
        """The registers whose cells can be told."""
        found = []
        for number in self.registers:
            with contextlib.suppress(Refusal):
                found.append(self.register(number))
        return found

    def digest(self, digest_id: int) -> artifact.Digest:
        """The digest of this id; raises as `counter`."""
        return _found("digest", self.digests, digest_id)

    def check_digest(self, digest: artifact.Digest) -> None:
        """See whether a digest's data can be told.

        Raises:
            Refusal: they cannot; says what its type is.
        """
        try:
            self.digest_data(digest, bytes(digest.data_bytes), protos.p4data.P4Data())
        except Refusal as refusal:
            raise Refusal(refusal.code, f"digest {digest.name}: {refusal.message}") from None

    def digest_data(self, digest: artifact.Digest, told: bytes, data: Any) -> None:
        """Write what the data plane told into a p4.v1.P4Data; raises as Shape.fill."""
        self.shapes[digest.id].fill(
            data,
            (
                (f.width, int.from_bytes(told[f.offset : f.offset + f.bytes], "big"))
                for f in digest.fields
            ),
        )


_Held = TypeVar("_Held", artifact.Counter, artifact.Digest, artifact.Meter, artifact.Register)


def largest_digest(digest: artifact.Digest) -> bytes:
    """What the data plane would tell where every bit of a digest is set."""
    told = bytearray(digest.data_bytes)
    for f in digest.fields:
        told[f.offset : f.offset + f.bytes] = ((1 << f.width) - 1).to_bytes(f.bytes, "big")
    return bytes(told)


def _found(noun: str, among: Mapping[int, _Held], number: int) -> _Held:
    found = among.get(number)
    if found is None:
        known = listed(f"{held.name} ({held.id})" for held in among.values())
        raise Refusal(NOT_FOUND, f"no {noun} {number}; {noun}s: {known}")
    return found


def load(config: Any) -> Pipeline:
    """Check a p4.v1.ForwardingPipelineConfig and index it.

    Raises:
        Refusal: INVALID_ARGUMENT, with what this target cannot realise.
    """
    if not config.p4_device_config:
        raise Refusal(
            INVALID_ARGUMENT,
            "want an artifact of p4kube compile in p4_device_config, found nothing",
        )
    try:
        held = artifact.unpack(config.p4_device_config)
    except artifact.InvalidArtifact as e:
        raise Refusal(INVALID_ARGUMENT, f"p4_device_config: {e}") from e
    manifest = held.manifest
    if held.object[:4] != b"\x7fELF":
        kind = "a shared object in program.so" if manifest.target == "dpdk" else "a BPF program.o"
        raise Refusal(INVALID_ARGUMENT, f"want {kind}, found no ELF file")
    _check_p4info(config.p4info, manifest)
    manifest = _with_padding(config.p4info, manifest)
    return Pipeline(
        config=config.SerializeToString(),
        manifest=manifest,
        object=held.object,
        tables={table.id: Packer(table, manifest.actions) for table in manifest.tables},
        counters={c.id: c for c in manifest.counters if c.table is None},
        meters={m.id: m for m in manifest.meters if m.table is None},
        registers={r.id: r for r in manifest.registers},
        digests={d.id: d for d in manifest.digests},
        padding=_padding(config.p4info, manifest),
        shapes=_shapes(config.p4info),
    )


def _with_padding(info: Any, manifest: artifact.Manifest) -> artifact.Manifest:
    """Give the padding of packet_in P4Info's ids: a PacketIn has all metadata that are listed."""
    listed_ids = {
        metadata.name: metadata.id
        for header in info.controller_packet_metadata
        if header.preamble.name == "packet_in"
        for metadata in header.metadata
    }

    def told(field: artifact.HeaderField) -> artifact.HeaderField:
        return dataclasses.replace(field, id=field.id or listed_ids.get(field.name, 0))

    headers = tuple(
        dataclasses.replace(header, fields=tuple(map(told, header.fields)))
        if header.name == "packet_in"
        else header
        for header in manifest.controller_headers
    )
    return dataclasses.replace(manifest, controller_headers=headers)


def _padding(info: Any, manifest: artifact.Manifest) -> frozenset[int]:
    told = {
        metadata.id
        for header in info.controller_packet_metadata
        if header.preamble.name == "packet_out"
        for metadata in header.metadata
    }
    read = {
        field.id
        for header in manifest.controller_headers
        if header.name == "packet_out"
        for field in header.fields
    }
    return frozenset(told - read)


def _shapes(info: Any) -> dict[int, Shape]:
    # A copy, since a part of a message keeps all of it: here the artifact.
    kept = protos.p4info.P4Info(
        digests=info.digests, registers=info.registers, type_info=info.type_info
    )
    return {
        held.preamble.id: Shape(held.type_spec, kept.type_info)
        for held in (*kept.digests, *kept.registers)
    }


def parse(config: bytes) -> Pipeline:
    """Load a pipeline from a serialised p4.v1.ForwardingPipelineConfig; raises as `load`."""
    return load(protos.p4runtime.ForwardingPipelineConfig.FromString(config))


def _check_p4info(info: Any, manifest: artifact.Manifest) -> None:
    """Refuse a P4Info that is not of the program which the artifact was compiled from."""
    groups = (
        ("table", info.tables, [(t.id, t.name) for t in manifest.tables]),
        ("action", info.actions, [(a.id, a.name) for a in manifest.actions]),
        ("counter", info.counters, [(c.id, c.name) for c in manifest.counters if c.table is None]),
        ("meter", info.meters, [(m.id, m.name) for m in manifest.meters if m.table is None]),
        ("register", info.registers, [(r.id, r.name) for r in manifest.registers]),
        ("digest", info.digests, [(d.id, d.name) for d in manifest.digests]),
    )
    for noun, objects, wanted in groups:
        held = {(o.preamble.id, o.preamble.name) for o in objects}
        for number, name in wanted:
            if (number, name) not in held:
                raise Refusal(
                    INVALID_ARGUMENT,
                    f"the P4Info is not of program {manifest.name}: want {noun} {name} ({number})",
                )
    manifest_fields = {t.id: {f.id: (f.width, f.match) for f in t.fields} for t in manifest.tables}
    for table in info.tables:
        if table.preamble.id not in manifest_fields:
            raise Refusal(
                INVALID_ARGUMENT,
                f"the P4Info is not of program {manifest.name}, which has no table "
                f"{table.preamble.name} ({table.preamble.id})",
            )
    types = protos.p4info.MatchField.MatchType.items()
    names = {number: name.lower() for name, number in types}
    for table in info.tables:
        fields = manifest_fields[table.preamble.id]
        # P4Info gives no width for a type that it does not know as bits, such as `error`.
        found = {
            (f.id, f.bitwidth or fields.get(f.id, (0, ""))[0], names.get(f.match_type, ""))
            for f in table.match_fields
        }
        if found != {(number, width, match) for number, (width, match) in fields.items()}:
            raise Refusal(
                INVALID_ARGUMENT,
                f"the P4Info is not of program {manifest.name}: the match fields of table "
                f"{table.preamble.name} differ",
            )
