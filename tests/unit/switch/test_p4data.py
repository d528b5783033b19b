"""P4Data of every type that registers and digests have, both ways."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p4kube_core import protos
from p4kube_core.switch import p4data

P4Data = protos.p4data.P4Data


def types() -> Any:
    info = protos.p4info.P4Info().type_info
    for name in ("a", "b"):
        info.headers["h_t"].members.add(name=name).type_spec.bit.bitwidth = 16
    info.enums["e_t"].members.add(name="one")
    info.enums["e_t"].members.add(name="two")
    info.error.members.extend(["NoError", "PacketTooShort"])
    info.serializable_enums["s_t"].underlying_type.bitwidth = 8
    info.new_types["n_t"].original_type.bool.SetInParent()
    info.new_types["port_t"].translated_type.sdn_string.SetInParent()
    return info


def spec(sort: str, width: int = 0) -> Any:
    made = protos.p4types.P4DataTypeSpec()
    match sort:
        case "bit" | "int":
            getattr(made.bitstring, sort).bitwidth = width
        case "varbit":
            made.bitstring.varbit.max_bitwidth = 8
        case "bool" | "error":
            getattr(made, sort).SetInParent()
        case "enum":
            made.enum.name = "e_t"
        case "serializable_enum":
            made.serializable_enum.name = "s_t"
        case "new_type":
            made.new_type.name = "n_t"
        case "translated":
            made.new_type.name = "port_t"
        case "header":
            made.header.name = "h_t"
        case "header_stack":
            made.header_stack.header.name = "h_t"
    return made


def filled(of: Any, scalars: Iterator[int]) -> Any:
    data = P4Data()
    p4data.fill(data, of, types(), scalars)
    return data


@pytest.mark.parametrize(
    ("sort", "width", "value", "field", "data"),
    [
        ("bit", 12, 99, "bitstring", b"\x63"),
        ("bit", 16, 0, "bitstring", b"\0"),
        ("int", 8, 99, "bitstring", b"\x63"),
        ("int", 8, 256 - 99, "bitstring", b"\x9d"),
        ("int", 12, 4096 - 739, "bitstring", b"\xfd\x1d"),
        ("int", 16, 0xFFFF, "bitstring", b"\xff"),
        ("int", 16, 0xFF, "bitstring", b"\0\xff"),
        ("int", 16, 0, "bitstring", b"\0"),
        ("bool", 1, 1, "bool", True),
        ("bool", 1, 0, "bool", False),
        ("new_type", 1, 1, "bool", True),
        ("enum", 8, 1, "enum", "two"),
        ("error", 8, 1, "error", "PacketTooShort"),
        ("serializable_enum", 8, 200, "enum_value", b"\xc8"),
    ],
)
def test_a_scalar_has_the_form_of_its_type(
    sort: str, width: int, value: int, field: str, data: Any
) -> None:
    of = spec(sort, width)
    made = filled(of, iter((value,)))
    assert (made.WhichOneof("data"), getattr(made, field)) == (field, data)
    assert list(p4data.scalars(made, of, types())) == [value]


@given(st.sampled_from(["bit", "int"]), st.integers(1, 70), st.data())
def test_every_number_comes_back(sort: str, width: int, draw: st.DataObject) -> None:
    value = draw.draw(st.integers(0, (1 << width) - 1))
    of = spec(sort, width)
    made = filled(of, iter((value,)))
    assert list(p4data.scalars(made, of, types())) == [value]
    made.bitstring = (b"\xff" if sort == "int" and value >> width - 1 else b"\0") + made.bitstring
    assert list(p4data.scalars(made, of, types())) == [value]


@pytest.mark.parametrize(
    ("sort", "width", "data"),
    [
        ("bit", 12, b"\x10\x63"),
        ("bit", 8, b""),
        ("int", 8, b"\0\x9d"),
        ("int", 12, b"\x8d\x1d"),
        ("int", 16, b""),
    ],
)
def test_numbers_that_do_not_fit_are_refused(sort: str, width: int, data: bytes) -> None:
    with pytest.raises(p4data.OutOfRange, match=f"want a value of {sort}<{width}>"):
        list(p4data.scalars(P4Data(bitstring=data), spec(sort, width), types()))


@pytest.mark.parametrize(
    ("data", "of", "kind"),
    [
        (P4Data(bool=True), spec("bit", 1), p4data.WrongSort),
        (P4Data(bitstring=b"\1"), spec("bool"), p4data.WrongSort),
        (P4Data(), spec("bit", 8), p4data.WrongSort),
        (P4Data(enum="three"), spec("enum"), p4data.OutOfRange),
        (P4Data(enum_value=b"\1\0"), spec("serializable_enum"), p4data.OutOfRange),
    ],
)
def test_data_of_another_type_are_refused(data: Any, of: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        list(p4data.scalars(data, of, types()))


@pytest.mark.parametrize(
    ("sort", "width", "value"),
    [("bit", 12, 4096), ("int", 8, 256), ("bool", 1, 2), ("enum", 8, 2), ("bit", 8, -1)],
)
def test_a_number_of_no_such_value_is_not_written(sort: str, width: int, value: int) -> None:
    with pytest.raises(ValueError, match="value"):
        filled(spec(sort, width), iter((value,)))


@pytest.mark.parametrize(("valid", "bits"), [(1, [b"\7", b"\x01\0"]), (0, [])])
def test_a_header_says_whether_it_is_there(valid: int, bits: list[bytes]) -> None:
    of = protos.p4types.P4DataTypeSpec()
    of.tuple.members.append(spec("header"))
    of.tuple.members.append(spec("bit", 8))
    data = filled(of, iter((valid, 7, 256, 9)))
    header, last = data.tuple.members
    assert (header.header.is_valid, list(header.header.bitstrings)) == (bool(valid), bits)
    assert last.bitstring == b"\x09"
    held = [1, 7, 256] if valid else [0, 0, 0]
    assert list(p4data.scalars(data, of, types())) == [*held, 9]


@pytest.mark.parametrize("sort", ["varbit", "header_stack", "translated"])
def test_a_type_that_is_not_told_is_refused_by_name(sort: str) -> None:
    with pytest.raises(p4data.Untold, match="not told"):
        filled(spec(sort), itertools.repeat(0))


def test_members_too_few_are_refused() -> None:
    of = protos.p4types.P4DataTypeSpec()
    of.tuple.members.append(spec("bit", 8))
    data = P4Data()
    data.tuple.SetInParent()
    with pytest.raises(ValueError, match="longer"):
        list(p4data.scalars(data, of, types()))
