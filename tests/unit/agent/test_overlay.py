"""A device of a function: what clients wrote over it is kept, apart from what the function said."""

from __future__ import annotations

from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from p4kube_core.agent import overlay, record
from p4kube_core.agent.metering import CONFIG_BYTES
from p4kube_core.agent.pipeline import Pipeline, load
from p4kube_core.agent.record import DeviceRecord
from p4kube_core.agent.store import DEFAULT_ENTRY, Extras, Store, cell_key
from tests.unit.agent import program

HOSTS, SHAPER = 0, 0
IDENTITIES = [n.to_bytes(4, "big") + b"\0\1" for n in range(1, 5)]
TAILS = [b"\0\1" + bytes([n]) * 24 for n in range(3)]
Content = tuple[dict[bytes, bytes], bytes | None, dict[int, bytes]]

contents = st.tuples(
    st.dictionaries(st.sampled_from(IDENTITIES), st.sampled_from(TAILS)),
    st.none() | st.sampled_from(TAILS),
    st.dictionaries(st.integers(0, 3), st.sampled_from([b"a" * CONFIG_BYTES, b"b" * CONFIG_BYTES])),
)
writes = st.lists(
    st.tuples(st.sampled_from([*IDENTITIES, DEFAULT_ENTRY]), st.none() | st.sampled_from(TAILS))
)
rates = st.dictionaries(st.integers(0, 3), st.none() | st.just(b"c" * CONFIG_BYTES))


@cache
def pipeline(name: str = "sample") -> Pipeline:
    return load(program.config(program.manifest(name)))


def store_of(content: Content, name: str = "sample") -> Store:
    store = Store(pipeline(name))
    entries, default, cells = content
    for identity, tail in entries.items():
        store.tables[HOSTS].put(identity, tail, Extras(tail[:3]))
    store.tables[HOSTS].put_default(default, Extras())
    for index, held in cells.items():
        store.meters[SHAPER].put(cell_key(index), held)
    return store


def written(
    base: Store, changes: list[tuple[bytes, bytes | None]], cells: dict[int, bytes | None]
) -> Store:
    """What clients made of a device that began as the base."""
    store = base.copy()
    for identity, tail in changes:
        table = store.tables[HOSTS]
        if identity == DEFAULT_ENTRY:
            table.put_default(tail, Extras())
        elif tail is None:
            table.drop(identity)
        else:
            table.put(identity, tail, Extras())
    for index, held in cells.items():
        store.meters[SHAPER].put(cell_key(index), held)
    return store


def content(store: Store) -> object:
    tables = {i: (t.entries, t.extras, t.default) for i, t in store.tables.items()}
    return tables, {i: m.cells for i, m in store.meters.items()}


@given(contents, writes, rates)
def test_writing_to_a_device_leaves_its_function_alone(
    said: Content, changes: list[tuple[bytes, bytes | None]], cells: dict[int, bytes | None]
) -> None:
    base = store_of(said)
    written(base, changes, cells)
    assert content(base) == content(store_of(said))


@given(contents, writes, rates)
def test_the_journal_of_a_device_has_what_its_function_has_not(
    said: Content, changes: list[tuple[bytes, bytes | None]], cells: dict[int, bytes | None]
) -> None:
    base = store_of(said)
    held = DeviceRecord(1, "one", "dpdk", committed=written(base, changes, cells), base=base)
    held.elections = {"": 7}
    bodies = list(record.snapshot(held))
    if content(base) == content(written(base, changes, cells)):
        assert bodies == [record.election_item("", 7)]
    again = record.replay(bodies, DeviceRecord(1, "one", "dpdk", committed=base.copy(), base=base))
    assert again is not None
    assert again.committed is not None
    assert held.committed is not None
    assert content(again.committed) == content(held.committed)
    assert again.elections == held.elections


@given(contents, contents, writes, rates)
def test_a_changed_function_takes_back_only_what_it_speaks_of(
    said: Content,
    says: Content,
    changes: list[tuple[bytes, bytes | None]],
    cells: dict[int, bytes | None],
) -> None:
    before, after = store_of(said), store_of(says)
    store = written(before, changes, cells)
    made = overlay.moved(store, before, after)
    for identity in [*IDENTITIES, DEFAULT_ENTRY]:
        old, new = (s.tables[HOSTS].state_of(identity) for s in (before, after))
        wanted = store.tables[HOSTS].state_of(identity) if old == new else new
        assert made.tables[HOSTS].state_of(identity) == wanted
    for key in map(cell_key, range(4)):
        config, newer = (s.meters[SHAPER].cells.get(key) for s in (before, after))
        held = store.meters[SHAPER].cells.get(key) if config == newer else newer
        assert made.meters[SHAPER].cells.get(key) == held


@given(contents, contents, writes)
def test_under_another_program_a_device_is_as_the_function_says(
    said: Content, says: Content, changes: list[tuple[bytes, bytes | None]]
) -> None:
    before, after = store_of(said), store_of(says, "other")
    made = overlay.moved(written(before, changes, {}), before, after)
    assert content(made) == content(after)
    assert made.pipeline.manifest.name == "other"
