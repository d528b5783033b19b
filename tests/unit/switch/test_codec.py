"""Bytestrings, by tables of value, width and bytes; an equal table of refusals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p4kube_core.switch import codec

GOOD = [
    (0, 1, b"\0"),
    (1, 1, b"\1"),
    (99, 8, b"\x63"),
    (99, 16, b"\x63"),
    (255, 8, b"\xff"),
    (256, 9, b"\1\0"),
    (12388, 16, b"\x30\x64"),
    ((1 << 128) - 1, 128, b"\xff" * 16),
]
RECEIVED = [
    (b"\0\x63", 16, 0x63),
    (b"\0\0\x63", 12, 0x63),
    (b"\0", 1, 0),
    (b"\x0f\xff", 12, 0xFFF),
]


@pytest.mark.parametrize(("value", "width", "data"), GOOD)
def test_encoded_as_short_as_can_be(value: int, width: int, data: bytes) -> None:
    assert codec.to_bytes(value, width) == data
    assert codec.from_bytes(data, width) == value


@pytest.mark.parametrize(("data", "width", "value"), RECEIVED)
def test_received_with_leading_zeros(data: bytes, width: int, value: int) -> None:
    assert codec.from_bytes(data, width) == value


@pytest.mark.parametrize(("value", "width"), [(256, 8), (-1, 8), (0, 0), (2, 1)])
def test_values_that_do_not_fit(value: int, width: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        codec.to_bytes(value, width)


@pytest.mark.parametrize(
    ("data", "width"), [(b"\1\x63", 8), (b"", 8), (b"\1\0\x63", 16), (b"\x10\x63", 12)]
)
def test_strings_that_do_not_fit(data: bytes, width: int) -> None:
    with pytest.raises(ValueError, match=r"fit|empty"):
        codec.from_bytes(data, width)


@given(st.integers(1, 300).flatmap(lambda w: st.tuples(st.integers(0, (1 << w) - 1), st.just(w))))
def test_every_value_comes_back(pair: tuple[int, int]) -> None:
    value, width = pair
    data = codec.to_bytes(value, width)
    assert codec.from_bytes(data, width) == value
    assert data[0] or len(data) == 1


@pytest.mark.parametrize(
    ("prefix", "width", "mask"), [(0, 32, 0), (8, 32, 0xFF000000), (32, 32, 0xFFFFFFFF), (1, 1, 1)]
)
def test_prefix_mask(prefix: int, width: int, mask: int) -> None:
    assert codec.prefix_mask(prefix, width) == mask
