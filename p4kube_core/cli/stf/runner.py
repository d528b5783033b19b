"""Runs one script on a device of its own: programs it over P4Runtime, sends, collects, checks."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, assert_never, final

from p4kube_core import errors, protos
from p4kube_core.agent import client
from p4kube_core.cli.stf import check, script
from p4kube_core.cli.stf.injector import Injector
from p4kube_core.model.artifact import Artifact, pack
from p4kube_core.model.entry import NamedEntry
from p4kube_core.reconciler import desire
from p4kube_core.switch import blocking, schema, values

PATIENCE_S: Final = 3.0  # for what a controller is to hear
QUIET_S: Final = 0.2  # nothing heard for so long: nothing comes
END: Final = 1 << 30  # the line of what holds for a script as a whole


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Program:
    """A compiled program, ready for any number of devices."""

    name: str
    target: str
    config: bytes
    info: bytes
    schema: schema.Schema
    counted: dict[str, str]
    """The table of each direct counter, by their full names."""
    digests: dict[str, tuple[str, ...]]
    """The fields of each digest, by its full name."""

    @classmethod
    def of(cls, artifact: Artifact) -> Program:
        info = protos.p4info.P4Info.FromString(artifact.p4info)
        tables = {t.preamble.id: t.preamble.name for t in info.tables}
        return cls(
            artifact.manifest.name,
            artifact.manifest.target,
            pack(artifact),
            artifact.p4info,
            schema.from_p4info(info),
            {c.preamble.name: tables[c.direct_table_id] for c in info.direct_counters},
            {d.name: tuple(f.name for f in d.fields) for d in artifact.manifest.digests},
        )


def run(
    program: Program,
    wanted: script.Script,
    agent: client.AgentClient,
    dataplane: Path,
    device: int,
) -> list[check.Verdict]:
    """Run a script from its first line to its last.

    Args:
        dataplane: the control socket of the program's target.

    Returns:
        A verdict for each expect, no_packet and check_counter, for each command that was refused,
        and one that stands for `nothing else came out`; by line.
    """
    ports = [client.Port(number, "ring") for number in wanted.ports]
    if wanted.cpu_port is not None:
        ports.append(client.Port(wanted.cpu_port, "cpu"))
    agent.put_device(device, program.name, ports, program.target)
    try:
        with Injector(dataplane) as injector, blocking.connect(agent.address, device) as session:
            session.set_pipeline(program.config, program.info)
            names = injector.port_names(device)
            names = {port: name for port, name in names.items() if port != wanted.cpu_port}
            one = _Run(program, wanted, session, injector, names)
            return one.all()
    finally:
        agent.remove_device(device)


@final
class _Run:
    """The state of one script while it runs."""

    def __init__(
        self,
        program: Program,
        wanted: script.Script,
        session: blocking.BlockingSession,
        injector: Injector,
        names: dict[int, str],
    ) -> None:
        self._program = program
        self._script = wanted
        self._session = session
        self._injector = injector
        self._names = names
        self._entries: dict[str, values.TableEntry] = {}  # by the id that the script gave
        self._added: list[values.TableEntry] = []
        self._expected: list[script.Expect] = []
        self._since: list[script.Expect] = []  # expected since the last packet went in
        self._came: list[check.Arrival] = []
        self._last_packet = 0  # its line
        self._verdicts: list[check.Verdict] = []
        self._heard: list[values.Heard] = []  # and nobody has asked for it yet

    def all(self) -> list[check.Verdict]:
        for name in self._script.digests:
            wanted = values.DigestEntry(name, max_list_size=1)
            try:
                self._session.write([values.Update(values.Kind.INSERT, wanted)])
            except (errors.UserError, errors.WriteRejected) as e:
                self._verdicts.append(check.Verdict(END, str(e)))
        for command in self._script.commands:
            try:
                self._one(command)
            except (errors.UserError, errors.WriteRejected) as e:
                self._verdicts.append(check.Verdict(command.line, str(e)))
        self._compare()
        return sorted(self._verdicts, key=lambda v: v.line)

    def _one(self, command: script.Command) -> None:
        match command:
            case script.Add(entry=entry, id=name):
                self._add(entry, name)
            case script.SetDefault(entry=entry):
                wanted = desire.table_entry(self._program.schema, entry)
                self._session.write([values.Update(values.Kind.MODIFY, wanted)])
            case script.Remove():
                self._remove(command)
            case script.Packet(line, port, data):
                self._injector.inject(self._names[port], data)
                self._last_packet = line
                self._since = []
                self._collect()
            case script.Expect():
                self._expected.append(command)
                self._since.append(command)
            case script.NoPacket(line, port):
                self._no_packet(line, port)
            case script.Wait():
                self._collect()
            case script.CheckCounter():
                self._check_counter(command)
            case script.CheckRegister():
                self._check_register(command)
            case script.Write(entity=entity):
                self._session.write([values.Update(values.Kind.MODIFY, entity)])
            case script.Read(entity=entity):
                self._session.read(entity)
            case script.CpuPort():
                pass  # the device was made with it
            case script.PacketOut(line, metadata, data):
                self._session.send_packet(values.Packet(data, dict(metadata)))
                self._last_packet = line
                self._since = []
                self._await_packets()
            case script.ExpectPacketIn():
                self._expect_packet_in(command)
            case script.ExpectDigest():
                self._expect_digest(command)
            case _:
                assert_never(command)

    # --- Tables.

    def _resolved(
        self, entry: NamedEntry, how: Callable[[schema.Schema, NamedEntry], values.TableEntry]
    ) -> values.TableEntry:
        """STF's priorities start at 0, P4Runtime's at 1; and STF gives them where none belong."""
        table = self._program.schema.tables.find(entry.table)
        priority = (entry.priority or 0) + 1 if table.has_priority else None
        return how(self._program.schema, dataclasses.replace(entry, priority=priority))

    def _add(self, entry: NamedEntry, name: str | None) -> None:
        wanted = self._resolved(entry, desire.table_entry)
        self._session.write([values.Update(values.Kind.INSERT, wanted)])
        self._added.append(wanted)
        if name is not None:
            self._entries[name] = wanted

    def _remove(self, command: script.Remove) -> None:
        if command.entry is not None:
            gone = [self._resolved(command.entry, desire.key_only)]
        elif command.id is not None:
            gone = [self._entry_of(command.id)]
        else:
            gone = list(self._added)
        self._session.write([values.Update(values.Kind.DELETE, e) for e in gone])
        keys = {desire.identity(e) for e in gone}
        self._added = [e for e in self._added if desire.identity(e) not in keys]

    def _entry_of(self, name: str) -> values.TableEntry:
        if name not in self._entries:
            raise errors.ScriptError(
                f"want an entry's name given by `add ... = NAME`, got {name!r}"
            )
        return self._entries[name]

    # --- Packets.

    def _collect(self) -> None:
        for port, name in sorted(self._names.items()):
            for data in self._injector.collect(name):
                self._came.append(check.Arrival(self._last_packet, port, data))

    def _no_packet(self, line: int, port: int | None) -> None:
        self._collect()
        surplus: list[check.Arrival] = []
        for number in self._names if port is None else (port,):
            came = [a for a in self._came if a.cause == self._last_packet and a.port == number]
            expected = [e for e in self._since if e.port == number]
            surplus += check.arrivals(expected, came)[1]
        self._came = [a for a in self._came if all(a is not s for s in surplus)]
        wrong = "\n".join(
            f"expected nothing on port {a.port}; came: {len(a.data)} bytes\n    {a.data.hex()}"
            for a in surplus
        )
        self._verdicts.append(check.Verdict(line, wrong or None))

    def _await_packets(self) -> None:
        """Collect until something came of a packet that a controller sent, or surely nothing."""
        before = len(self._came)
        deadline = time.monotonic() + QUIET_S
        while len(self._came) == before and time.monotonic() < deadline:
            self._collect()
            time.sleep(0.01)

    # --- What a controller hears.

    def _hear(self, fits: Callable[[values.Heard], bool]) -> values.Heard | None:
        """The first that fits, in the order in which they came; None if none comes."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            for position, heard in enumerate(self._heard):
                if fits(heard):
                    return self._heard.pop(position)
            fresh = self._session.hear(max(deadline - time.monotonic(), 0))
            if fresh is None:
                return None
            self._heard.append(fresh)

    def _expect_packet_in(self, wanted: script.ExpectPacketIn) -> None:
        found = self._hear(lambda heard: isinstance(heard, values.Packet))
        if not isinstance(found, values.Packet):
            self._verdicts.append(check.Verdict(wanted.line, "expected a packet-in; none came"))
            return
        wrong = None
        if any(found.metadata.get(name) != value for name, value in wanted.metadata):
            came = ", ".join(f"{k}:{v:#x}" for k, v in found.metadata.items()) or "none"
            wrong = f"expected other metadata; came: {came}"
        as_packet = script.Expect(wanted.line, 0, wanted.pattern, wanted.exact)
        if not check.fits(as_packet, found.payload):
            said = check.differing(as_packet, found.payload)
            wrong = said.replace("on port 0", "for a controller", 1)
        self._verdicts.append(check.Verdict(wanted.line, wrong))

    def _expect_digest(self, wanted: script.ExpectDigest) -> None:
        name = self._program.schema.digests.find(wanted.name).name
        fields = self._program.digests[name]
        unknown = [field for field, _ in wanted.fields if field not in fields]
        if unknown:
            raise errors.ScriptError(
                f"no field {unknown[0]!r} of digest {name}; there are: {', '.join(fields)}"
            )
        found = self._hear(lambda heard: isinstance(heard, values.Digests) and heard.digest == name)
        wrong: str | None = f"expected a digest {name}; none came"
        if isinstance(found, values.Digests):
            # Of a header that is not there no members are told.
            held = dict.fromkeys(fields, 0) | dict(zip(fields, found.data[0], strict=False))
            came = " ".join(f"{k}:{v:#x}" for k, v in held.items())
            differs = any(held[name] != value for name, value in wanted.fields)
            wrong = f"expected another digest; came: {came}" if differs else None
        self._verdicts.append(check.Verdict(wanted.line, wrong))

    def _unheard(self) -> None:
        """Nothing that a controller heard was not asked for, if the script is about controllers."""
        if self._script.digests or self._script.cpu_port is not None:
            while (heard := self._session.hear(QUIET_S)) is not None:
                self._heard.append(heard)
        for heard in self._heard:
            wrong = f"expected nothing further for a controller; came: {heard}"
            self._verdicts.append(check.Verdict(self._last_packet, wrong))

    def _compare(self) -> None:
        self._collect()
        self._unheard()
        surplus: list[check.Arrival] = []
        for port in self._script.ports:
            verdicts, more = check.arrivals(
                [e for e in self._expected if e.port == port],
                [a for a in self._came if a.port == port],
            )
            self._verdicts += verdicts
            surplus += more
        if not surplus:
            self._verdicts.append(check.Verdict(END, None))
        for arrival in surplus:
            wrong = (
                f"expected no further packet on port {arrival.port}; "
                f"came: {len(arrival.data)} bytes\n    {arrival.data.hex()}"
            )
            self._verdicts.append(check.Verdict(arrival.cause, wrong))

    # --- Counters.

    def _check_counter(self, wanted: script.CheckCounter) -> None:
        counts = self._counts(wanted)
        if wanted.unit is script.Unit.PACKETS:
            actual = sum(c.packets for c in counts)
        else:
            actual = sum(c.bytes for c in counts)
        if check.compare(actual, wanted.operator, wanted.number):
            self._verdicts.append(check.Verdict(wanted.line, None))
            return
        wrong = f"expected {wanted.unit} {wanted.operator} {wanted.number}; counted: {actual}"
        self._verdicts.append(check.Verdict(wanted.line, wrong))

    def _check_register(self, wanted: script.CheckRegister) -> None:
        found = self._session.read(values.RegisterEntry(wanted.name, wanted.index))
        (actual,) = [e.value or 0 for e in found if isinstance(e, values.RegisterEntry)]
        wrong = f"expected {wanted.operator} {wanted.number}; the register holds: {actual}"
        fits = check.compare(actual, wanted.operator, wanted.number)
        self._verdicts.append(check.Verdict(wanted.line, None if fits else wrong))

    def _counts(self, wanted: script.CheckCounter) -> list[values.CounterData]:
        table = self._counted_table(wanted.name)
        if table is None:
            found = self._session.read_counter(wanted.name, wanted.index)
            return [entry.data for entry in found if entry.data is not None]
        entries = list(self._session.read_table(table, counters=True))
        if wanted.id is not None:
            identity = desire.identity(self._entry_of(wanted.id))
            entries = [e for e in entries if desire.identity(e) == identity]
        elif wanted.key:
            key = self._resolved(NamedEntry(table, wanted.key, ""), desire.key_only).matches
            entries = [e for e in entries if e.matches == key]
        if (wanted.id is not None or wanted.key) and not entries:
            raise errors.ScriptError(f"no such entry in {table}")
        return [e.counter for e in entries if e.counter is not None]

    def _counted_table(self, name: str) -> str | None:
        """The table whose entries are counted by this name; None for an indirect counter."""
        tables = self._program.counted
        found = {
            table
            for counter, table in tables.items()
            for full in (counter, table)
            if full == name or full.endswith("." + name)
        }
        if len(found) > 1:
            raise errors.ScriptError(f"counter {name!r} could be of any of: {', '.join(found)}")
        return found.pop() if found else None
