"""What a device holds under one pipeline: entries and defaults, as acknowledged to clients.

The store is the truth; the data plane holds a copy. Every change can be undone until it is
acknowledged.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple, final

from p4kube_core.agent.digests import Config
from p4kube_core.agent.packing import Packer
from p4kube_core.agent.pipeline import Pipeline
from p4kube_core.model import artifact

DEFAULT_ENTRY: Final = b""
"""The identity of a table's default entry; no packed key is empty but a keyless table's, which has
no other entries."""


@final
class Extras(NamedTuple):
    """What an entry carries for its client alone."""

    metadata: bytes = b""
    controller_metadata: int = 0


NO_EXTRAS: Final = Extras()


@final
class TableStore:
    """One table. `entries`: tail by identity; `default`: None is the program's own."""

    __slots__ = ("_shared", "default", "entries", "extras", "packer")

    def __init__(self, packer: Packer, records: Iterable[bytes] = ()) -> None:
        self.packer = packer
        self.entries: dict[bytes, bytes] = dict(packer.split(record) for record in records)
        self.extras: dict[bytes, Extras] = {}
        self.default: bytes | None = None
        self._shared = False  # entries and extras are another's: they are copied before a change

    def copy(self) -> TableStore:
        """Make another that holds the same, and as long as it does in the same place.

        The one that is copied must not change any more.
        """
        made = TableStore(self.packer)
        made.entries, made.extras, made.default = self.entries, self.extras, self.default
        made._shared = True
        return made

    def is_copy_of(self, other: TableStore) -> bool:
        """Say whether nothing was changed since it was copied from that one."""
        return self._shared and self.entries is other.entries

    def put(self, identity: bytes, tail: bytes, extras: Extras) -> None:
        self._own()
        self.entries[identity] = tail
        self._put_extras(identity, extras)

    def drop(self, identity: bytes) -> None:
        self._own()
        self.entries.pop(identity, None)
        self.extras.pop(identity, None)

    def put_default(self, data: bytes | None, extras: Extras) -> None:
        self._own()
        self.default = data
        self._put_extras(DEFAULT_ENTRY, extras)

    def extras_of(self, identity: bytes) -> Extras:
        return self.extras.get(identity, NO_EXTRAS)

    def state_of(self, identity: bytes) -> State:
        """What is held under an identity, DEFAULT_ENTRY included."""
        held = self.default if identity == DEFAULT_ENTRY else self.entries.get(identity)
        return State(held, self.extras_of(identity))

    def restore(self, identity: bytes, state: State) -> None:
        """Put back what `state_of` gave."""
        if identity == DEFAULT_ENTRY:
            self.put_default(state.held, state.extras)
        elif state.held is None:
            self.drop(identity)
        else:
            self.put(identity, state.held, state.extras)

    def _own(self) -> None:
        if self._shared:
            self.entries, self.extras = dict(self.entries), dict(self.extras)
            self._shared = False

    def _put_extras(self, identity: bytes, extras: Extras) -> None:
        if extras == NO_EXTRAS:
            self.extras.pop(identity, None)
        else:
            self.extras[identity] = extras


@final
class State(NamedTuple):
    """Tail of an entry or data of a default; None: no entry, or the program's own default."""

    held: bytes | None
    extras: Extras


@final
class MeterStore:
    """Configurations of one meter, as metering.py packs them; what is not there is not configured.

    Keys are indices of 4 bytes, of a direct meter the identities of its table's entries.
    """

    __slots__ = ("cells", "meter")

    def __init__(self, meter: artifact.Meter) -> None:
        self.meter = meter
        self.cells: dict[bytes, bytes] = {}

    def copy(self) -> MeterStore:
        made = MeterStore(self.meter)
        made.cells.update(self.cells)
        return made

    def put(self, key: bytes, config: bytes | None) -> None:
        if config is None:
            self.cells.pop(key, None)
        else:
            self.cells[key] = config


def cell_key(index: int) -> bytes:
    """The key of a cell of an indirect meter."""
    return index.to_bytes(4, "big")


@final
class Store:
    """A pipeline and what was written since it was set."""

    __slots__ = ("digests", "meters", "pipeline", "tables")

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.tables: dict[int, TableStore] = {
            packer.index: TableStore(packer, pipeline.manifest.tables[packer.index].entries)
            for packer in pipeline.tables.values()
        }
        self.meters: dict[int, MeterStore] = {
            meter.index: MeterStore(meter) for meter in pipeline.manifest.meters
        }

        self.digests: dict[int, Config] = {}
        """How digests are sent, by id; one that is not there is not sent."""

    def put_digest(self, digest_id: int, config: Config | None) -> None:
        if config is None:
            self.digests.pop(digest_id, None)
        else:
            self.digests[digest_id] = config

    def copy(self) -> Store:
        """Make another that holds the same; this one must not change any more."""
        made = Store.__new__(Store)
        made.pipeline = self.pipeline
        made.tables = {index: table.copy() for index, table in self.tables.items()}
        made.meters = {index: meter.copy() for index, meter in self.meters.items()}
        made.digests = dict(self.digests)
        return made

    def direct_meter(self, table: TableStore) -> MeterStore | None:
        """The direct meter of a table, if it has one."""
        index = table.packer.direct_meter
        return None if index is None else self.meters[index]

    def brought(self, table: int) -> list[bytes]:
        """Identities of the entries that the program brings for a table."""
        packer = self.tables[table].packer
        return [packer.split(r)[0] for r in self.pipeline.manifest.tables[table].entries]

    @property
    def entry_count(self) -> int:
        return sum(len(table.entries) for table in self.tables.values())
