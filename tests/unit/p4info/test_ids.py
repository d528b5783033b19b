"""Ids and aliases are those that p4c gives, since controllers hold them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p4kube_core.compiler.p4info import ids

TABLE, ACTION = 2, 1
NAMES = st.lists(st.sampled_from("abcde"), min_size=1, max_size=3).map(".".join)


def settled(*objects: tuple[int, str, int | None]) -> ids.Ids:
    found = ids.Ids()
    for kind, name, wanted in objects:
        found.add(kind, name, wanted)
    found.settle()
    return found


@pytest.mark.parametrize(
    ("kind", "name", "id_"),
    [
        (ACTION, "NoAction", 21257015),
        (ACTION, "IngressI.drop", 23455883),
        (TABLE, "IngressI.indirect", 46872340),
        (TABLE, "IngressI.indirect_ws", 38116258),
        (0x11, "ap", 294074782),
    ],
)
def test_ids_in_use_today(kind: int, name: str, id_: int) -> None:
    assert settled((kind, name, None)).of(kind, name) == id_


def test_a_wanted_id_gets_its_prefix() -> None:
    found = settled((TABLE, "t", 5), (ACTION, "a", 0x01000005))
    assert found.of(TABLE, "t") == 0x02000005
    assert found.of(ACTION, "a") == 0x01000005


def test_a_name_whose_id_is_taken_gets_the_next() -> None:
    hashed = TABLE << 24 | ids.name_hash("t") & 0xFFFFFF
    assert settled((TABLE, "other", hashed), (TABLE, "t", None)).of(TABLE, "t") == hashed + 1


@pytest.mark.parametrize("wanted", [0x01000005, 0x03000000])
def test_a_wanted_id_of_another_kind_is_refused(wanted: int) -> None:
    with pytest.raises(ids.IdError, match="begins with"):
        settled((TABLE, "t", wanted))


def test_a_wanted_id_given_twice_is_refused() -> None:
    with pytest.raises(ids.IdError, match="two objects"):
        settled((TABLE, "t", 5), (TABLE, "u", 0x02000005))


@pytest.mark.parametrize(
    ("names", "aliases"),
    [
        (["a.b.c"], {"a.b.c": "c"}),
        (["d.a.c", "e.b.c"], {"d.a.c": "a.c", "e.b.c": "b.c"}),
        (["x", "a.x"], {"x": "x", "a.x": "a.x"}),
        (["a.b.c", "b.c", "a.d.c"], {"a.b.c": "a.b.c", "b.c": "b.c", "a.d.c": "d.c"}),
    ],
)
def test_aliases(names: list[str], aliases: dict[str, str]) -> None:
    assert ids.aliases(names) == aliases


@given(st.sets(NAMES, max_size=12))
def test_no_two_names_have_one_alias(names: set[str]) -> None:
    found = ids.aliases(names)
    assert len(set(found.values())) == len(names)
    assert all(name.endswith(alias) for name, alias in found.items())


@given(st.sets(NAMES, max_size=12), st.randoms())
def test_ids_do_not_depend_on_the_order(names: set[str], random: object) -> None:
    ordered = sorted(names)
    one = settled(*((TABLE, n, None) for n in ordered))
    other = settled(*((TABLE, n, None) for n in reversed(ordered)))
    assert [one.of(TABLE, n) for n in ordered] == [other.of(TABLE, n) for n in ordered]
    assert len({one.of(TABLE, n) for n in ordered}) == len(names)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ([None, None], [1, 2]),
        ([2, None], [2, 3]),
        ([None, 1], [2, 1]),
        ([7, 1, None], [7, 1, 3]),
        ([None, 2, None], [1, 2, 3]),
    ],
)
def test_ids_of_members(wanted: list[int | None], found: list[int]) -> None:
    assert ids.member_ids(wanted) == found


@pytest.mark.parametrize("wanted", [[0], [3, 3]])
def test_ids_of_members_refused(wanted: list[int | None]) -> None:
    with pytest.raises(ids.IdError):
        ids.member_ids(wanted)
