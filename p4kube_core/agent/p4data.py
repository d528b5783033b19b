"""P4Data: values that are not keys or parameters, as registers and digests have them; pure.

Source: P4Runtime 1.5.0, "Representation of Arbitrary P4 Types" and "Bytestrings".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, final

from p4kube_core.agent.refusal import INVALID_ARGUMENT, OUT_OF_RANGE, UNIMPLEMENTED, Refusal

_SCALARS: Final = {"bitstring": "bitstring", "bool": "bool", "serializable_enum": "enum_value"}
"""What P4Data has of each sort of type that is one number."""
Leaf = tuple[int, int]  # width in bits and value


@final
@dataclass(frozen=True, slots=True)
class Shape:
    """A type of a P4Info.

    Args:
        spec: p4.config.v1.P4DataTypeSpec.
        types: p4.config.v1.P4TypeInfo, which names refer to.
    """

    spec: Any
    types: Any

    def fill(self, data: Any, leaves: Iterable[Leaf]) -> None:
        """Write scalars, all that the type has, in order, into a p4.v1.P4Data.

        Raises:
            Refusal: such a type cannot be told, or has not as many scalars.
        """
        rest = iter(leaves)
        try:
            self._fill(data, self.spec, rest)
        except StopIteration:
            raise Refusal(UNIMPLEMENTED, "its type in P4Info has more members") from None
        except RecursionError:
            raise Refusal(INVALID_ARGUMENT, "its type in P4Info holds itself") from None
        if next(rest, None) is not None:
            raise Refusal(UNIMPLEMENTED, "its type in P4Info has fewer members")

    def scalar(self) -> Any:
        """The type, without names, where it is one number.

        Raises:
            Refusal: it is not.
        """
        spec = self.spec
        for _ in range(len(self.types.new_types) + 1):
            sort = spec.WhichOneof("type_spec")
            if sort != "new_type":
                break
            spec = self.types.new_types[spec.new_type.name].original_type
        if sort not in _SCALARS:
            raise Refusal(UNIMPLEMENTED, f"want a type that is one number, found {sort or 'none'}")
        return spec

    def number(self, data: Any, width: int) -> int:
        """Read a p4.v1.P4Data of a type that is one number; what is signed gives its bits.

        Raises:
            Refusal: another sort of value or type, or too wide.
        """
        spec = self.scalar()
        wanted = _SCALARS[spec.WhichOneof("type_spec")]
        sort = data.WhichOneof("data")
        if sort != wanted:
            article = "an" if wanted.startswith("e") else "a"
            raise Refusal(INVALID_ARGUMENT, f"want {article} {wanted}, got {sort or 'no data'}")
        if wanted == "bool":
            return int(data.bool)
        return _number(getattr(data, wanted), width, _is_signed(spec))

    def _fill(self, data: Any, spec: Any, leaves: Iterator[Leaf]) -> None:
        match spec.WhichOneof("type_spec"):
            case "bitstring":
                data.bitstring = _bytes(next(leaves), _is_signed(spec))
            case "bool":
                data.bool = bool(next(leaves)[1])
            case "serializable_enum":
                data.enum_value = _bytes(next(leaves))
            case "new_type":
                self._fill(data, self.types.new_types[spec.new_type.name].original_type, leaves)
            case "tuple":
                data.tuple.SetInParent()
                for member in spec.tuple.members:
                    self._fill(data.tuple.members.add(), member, leaves)
            case "struct":
                data.struct.SetInParent()
                for member in self.types.structs[spec.struct.name].members:
                    self._fill(data.struct.members.add(), member.type_spec, leaves)
            case "header":
                # The data plane tells of a header whether it is there before its members.
                data.header.is_valid = bool(next(leaves)[1])
                for member in self.types.headers[spec.header.name].members:
                    leaf = next(leaves)
                    if data.header.is_valid:
                        signed = member.type_spec.HasField("int")
                        data.header.bitstrings.append(_bytes(leaf, signed))
            case other:
                raise Refusal(UNIMPLEMENTED, f"data of type {other or 'unknown'} cannot be told")


def _is_signed(spec: Any) -> bool:
    return bool(spec.bitstring.HasField("int"))


def _number(raw: bytes, width: int, signed: bool) -> int:
    kind = f"{'int' if signed else 'bit'}<{width}>"
    if not raw:
        raise Refusal(OUT_OF_RANGE, f"want a value of {kind}, got an empty string")
    value = int.from_bytes(raw, "big", signed=signed)
    # Of a signed value the sign is one of its bits.
    if (value if value >= 0 else ~value) >> (width - signed):
        raise Refusal(OUT_OF_RANGE, f"want a value of {kind}, got 0x{raw.hex()}")
    return value & (1 << width) - 1


def _bytes(leaf: Leaf, signed: bool = False) -> bytes:
    """A number in the fewest bytes."""
    width, value = leaf
    if not signed:
        return value.to_bytes((value.bit_length() + 7) // 8 or 1, "big")
    if value >> (width - 1):
        value -= 1 << width
    bits = (value if value >= 0 else ~value).bit_length() + 1
    return value.to_bytes((bits + 7) // 8, "big", signed=True)
