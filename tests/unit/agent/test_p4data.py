"""Numbers of every type that a register may have, as P4Data says them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p4kube_core import protos
from p4kube_core.agent import pipeline
from p4kube_core.agent.p4data import Shape
from p4kube_core.agent.refusal import Refusal
from tests.unit.agent import program


def shape(sort: str, width: int = 8) -> Shape:
    info = protos.p4info.P4Info()
    spec = info.registers.add().type_spec
    if sort in ("bit", "int"):
        getattr(spec.bitstring, sort).bitwidth = width
    elif sort == "bool":
        spec.bool.SetInParent()
    elif sort == "new":
        spec.new_type.name = "outer"
        info.type_info.new_types["outer"].original_type.new_type.name = "inner"
        info.type_info.new_types["inner"].original_type.bool.SetInParent()
    elif sort == "loop":
        spec.new_type.name = "loop"
        info.type_info.new_types["loop"].original_type.new_type.name = "loop"
    elif sort == "none":
        pass
    else:
        getattr(spec, sort).name = "named"
    return Shape(spec, info.type_info)


def value(**of: Any) -> Any:
    return protos.p4data.P4Data(**of)


@pytest.mark.parametrize(
    ("sort", "width", "number", "said"),
    [
        ("bit", 12, 0, value(bitstring=b"\0")),
        ("bit", 12, 0xFFF, value(bitstring=b"\x0f\xff")),
        ("int", 8, 0x63, value(bitstring=b"\x63")),
        ("int", 8, 0x9D, value(bitstring=b"\x9d")),
        ("int", 12, 0xD1D, value(bitstring=b"\xfd\x1d")),
        ("int", 16, 0, value(bitstring=b"\0")),
        ("int", 16, 0xFFFF, value(bitstring=b"\xff")),
        ("int", 16, 0x80, value(bitstring=b"\0\x80")),
        ("bool", 1, 1, value(bool=True)),
        ("bool", 1, 0, value(bool=False)),
        ("serializable_enum", 8, 3, value(enum_value=b"\3")),
        ("new", 1, 1, value(bool=True)),
    ],
)
def test_a_register_is_read_and_written_as_its_type(
    sort: str, width: int, number: int, said: Any
) -> None:
    held = shape(sort, width)
    found = value()
    held.fill(found, [(width, number)])
    assert found == said
    assert held.number(said, width) == number


@given(st.integers(1, 64), st.data())
def test_signed_numbers_come_back(width: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, (1 << width) - 1))
    held, found = shape("int", width), value()
    held.fill(found, [(width, number)])
    assert held.number(found, width) == number
    sign = b"\xff" if number >> (width - 1) else b"\0"
    assert held.number(value(bitstring=sign + found.bitstring), width) == number


@pytest.mark.parametrize(
    ("sort", "width", "said", "sentence"),
    [
        ("bit", 8, value(bitstring=b"\1\0"), "want a value of bit<8>, got 0x0100"),
        ("bit", 8, value(bitstring=b""), "want a value of bit<8>, got an empty string"),
        ("int", 8, value(bitstring=b"\0\x80"), "want a value of int<8>, got 0x0080"),
        ("int", 12, value(bitstring=b"\x8d\x1d"), "want a value of int<12>, got 0x8d1d"),
        ("bool", 1, value(bitstring=b"\1"), "want a bool, got bitstring"),
        ("bit", 1, value(bool=True), "want a bitstring, got bool"),
        ("serializable_enum", 8, value(enum="A"), "want an enum_value, got enum"),
        ("bit", 8, value(), "want a bitstring, got no data"),
        ("struct", 8, value(), "want a type that is one number, found struct"),
        ("loop", 8, value(), "want a type that is one number, found new_type"),
        ("none", 8, value(), "want a type that is one number, found none"),
    ],
)
def test_what_is_no_such_number_is_refused(sort: str, width: int, said: Any, sentence: str) -> None:
    with pytest.raises(Refusal) as caught:
        shape(sort, width).number(said, width)
    assert caught.value.message == sentence


def test_a_register_that_cannot_be_told_is_refused_by_its_name_and_left_out_of_all() -> None:
    config = program.config()
    (cells,) = (r for r in config.p4info.registers if r.preamble.id == program.CELLS)
    cells.type_spec.struct.name = "pair"
    held = pipeline.load(config)
    with pytest.raises(Refusal) as caught:
        held.register(program.CELLS)
    assert caught.value.message == (
        "register ingress.cells: want a type that is one number, found struct"
    )
    assert [r.id for r in held.told_registers()] == [program.WIDE_CELLS]
