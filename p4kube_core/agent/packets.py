"""Packets to and from a controller: their metadata as the program's headers hold it; pure.

Source: P4Runtime 1.5.0, "PacketIn" and "PacketOut".
"""

from __future__ import annotations

from collections.abc import Set
from typing import Any, Final

from p4kube_core.agent.refusal import INVALID_ARGUMENT, OUT_OF_RANGE, Refusal, listed
from p4kube_core.model.artifact import ControllerHeader, HeaderField, Manifest

MOST_BYTES: Final = 65535  # of a packet with its header


def header(manifest: Manifest, name: str) -> ControllerHeader | None:
    """The header `packet_in` or `packet_out` of a program, if it has one."""
    return next((h for h in manifest.controller_headers if h.name == name), None)


def fill_packet_in(message: Any, held: ControllerHeader | None, packet: bytes) -> None:
    """Write what came from the data plane into a p4.v1.PacketIn."""
    if held is None or len(packet) < held.bytes:
        message.payload = packet
        return
    bits = int.from_bytes(packet[: held.bytes], "big")
    for field in held.fields:
        if field.id:
            value = bits >> _shift(held, field) & (1 << field.width) - 1
            message.metadata.add(
                metadata_id=field.id,
                value=value.to_bytes((value.bit_length() + 7) // 8 or 1, "big"),
            )
    message.payload = packet[held.bytes :]


def packed(held: ControllerHeader | None, message: Any, padding: Set[int] = frozenset()) -> bytes:
    """The bytes of a p4.v1.PacketOut as the program parses them.

    Args:
        padding: ids of metadata that P4Info lists and the program does not read; any value does.
    Raises:
        Refusal: metadata that are not those of the header, or a packet that is too long.
    """
    fields = {field.id: field for field in held.fields if field.id} if held else {}
    bits = 0
    seen: set[int] = set()
    for metadata in message.metadata:
        if metadata.metadata_id in padding:
            continue
        field = fields.get(metadata.metadata_id)
        if field is None:
            known = listed(map(_described, fields.values()))
            raise Refusal(
                INVALID_ARGUMENT,
                f"packet_out has no metadata {metadata.metadata_id}; it has: {known}",
            )
        if field.id in seen:
            raise Refusal(INVALID_ARGUMENT, f"metadata {field.name} is given twice")
        seen.add(field.id)
        value = int.from_bytes(metadata.value, "big")
        if not metadata.value or value >> field.width:
            found = f"0x{metadata.value.hex()}" if metadata.value else "an empty string"
            raise Refusal(
                OUT_OF_RANGE,
                f"metadata {field.name}: want a value of bit<{field.width}>, got {found}",
            )
        assert held is not None
        bits |= value << _shift(held, field)
    missing = [_described(field) for number, field in fields.items() if number not in seen]
    if missing:
        raise Refusal(INVALID_ARGUMENT, f"want metadata {listed(missing)}, found none")
    front = bits.to_bytes(held.bytes, "big") if held else b""
    length = len(front) + len(message.payload)
    if not 0 < length <= MOST_BYTES:
        raise Refusal(
            INVALID_ARGUMENT,
            f"want a packet of 1 to {MOST_BYTES} bytes with its header, got {length}",
        )
    return front + bytes(message.payload)


def _shift(held: ControllerHeader, field: HeaderField) -> int:
    return held.bytes * 8 - field.offset - field.width


def _described(field: HeaderField) -> str:
    return f"{field.id} {field.name} (bit<{field.width}>)"
