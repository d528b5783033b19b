"""P4Runtime's protobuf messages, built from the descriptors inside the installed p4runtime package.

That package's own modules do not import under protobuf 4 and later; its descriptors are as good as
ever. They are read as text, never imported, and live in a descriptor pool of their own.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from typing import Any, Final

from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    message_factory,
    text_format,
    timestamp_pb2,
)
from google.protobuf.internal import enum_type_wrapper

_WELL_KNOWN: Final = (any_pb2, descriptor_pb2, duration_pb2, timestamp_pb2)
_FILES: Final = (
    "google/rpc/status",
    "google/rpc/code",
    "p4/config/v1/p4types",
    "p4/config/v1/p4info",
    "p4/v1/p4data",
    "p4/v1/p4runtime",
)
_SERIALIZED: Final = re.compile(
    r"""(?:serialized_pb=|AddSerializedFile\(\s*)(b'(?:[^'\\\n]|\\.)*'|b"(?:[^"\\\n]|\\.)*")"""
)


class Namespace:
    """The messages and enums of one .proto file, each an attribute as in generated code."""

    def __init__(self, members: dict[str, Any]) -> None:
        self.__dict__.update(members)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"no message, enum or value named {name!r} in this .proto file")


def _descriptor_bytes(stem: str) -> bytes:
    package, _, _ = stem.partition("/")
    spec = importlib.util.find_spec(package)
    for root in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(root).parent / f"{stem}_pb2.py"
        if path.is_file() and (match := _SERIALIZED.search(path.read_text(encoding="latin-1"))):
            literal = ast.literal_eval(match[1])
            assert isinstance(literal, bytes)
            return literal
    raise ImportError(f"no protobuf descriptor of {stem}.proto among the installed packages")


def _load() -> tuple[descriptor_pool.DescriptorPool, dict[str, Namespace]]:
    pool = descriptor_pool.DescriptorPool()
    for module in _WELL_KNOWN:
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    namespaces: dict[str, Namespace] = {}
    for stem in _FILES:
        pool.AddSerializedFile(_descriptor_bytes(stem))
        descriptor = pool.FindFileByName(f"{stem}.proto")
        members: dict[str, Any] = {"DESCRIPTOR": descriptor}
        for name, message in descriptor.message_types_by_name.items():
            members[name] = message_factory.GetMessageClass(message)
        for name, enum in descriptor.enum_types_by_name.items():
            members[name] = enum_type_wrapper.EnumTypeWrapper(enum)
            members.update((value.name, value.number) for value in enum.values)
        namespaces[stem] = Namespace(members)
    return pool, namespaces


_pool, _namespaces = _load()

POOL: Final = _pool
status: Final = _namespaces["google/rpc/status"]
code: Final = _namespaces["google/rpc/code"]
p4types: Final = _namespaces["p4/config/v1/p4types"]
p4info: Final = _namespaces["p4/config/v1/p4info"]
p4data: Final = _namespaces["p4/v1/p4data"]
p4runtime: Final = _namespaces["p4/v1/p4runtime"]


def to_text(message: Any) -> str:
    """Write a message in protobuf's text form, with what its Any fields hold spelt out."""
    return text_format.MessageToString(message, descriptor_pool=POOL)


def from_text(text: str, into: Any) -> Any:
    """Read protobuf's text form into the given message, and return it.

    Raises:
        text_format.ParseError: the text is not of that message's form.
    """
    return text_format.Parse(text, into, descriptor_pool=POOL)
