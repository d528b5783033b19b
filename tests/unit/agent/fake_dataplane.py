"""A data plane without packets: the control socket's requests, kept as records in memory.

Of the standard library alone, so that it also runs as a program in the real one's place:
`python fake_dataplane.py --socket PATH`. A program's "object" is \\x7fELF and the manifest's JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import struct
from pathlib import Path
from typing import Any

LENGTHS = struct.Struct(">II")
CELL = struct.Struct(">QQ")
ELF = b"\x7fELF"

UNSET = bytes(33)  # a cell of a meter without configuration


class Failure(Exception):
    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class FakeTable:
    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.key_bytes: int = spec["key_bytes"]
        extra = {"exact": 0, "lpm": 2, "ternary": self.key_bytes + 4}[spec["kind"]]
        self.identity_bytes = self.key_bytes + extra
        self.record_bytes = self.identity_bytes + 2 + spec["data_bytes"]
        self.entries: dict[bytes, bytes] = {}
        self.counts: dict[bytes, tuple[int, int]] = {}
        for record in spec["entries"]:
            self.insert(bytes.fromhex(record))
        self.default = self.own_default

    @property
    def own_default(self) -> bytes:
        return bytes.fromhex(self.spec["default"]).ljust(2 + self.spec["data_bytes"], b"\0")

    def check(self, record: bytes) -> None:
        key = int.from_bytes(record[: self.key_bytes], "big")
        if self.spec["kind"] == "ternary":
            mask = int.from_bytes(record[self.key_bytes : 2 * self.key_bytes], "big")
            for field in self.spec["fields"]:
                if field["match"] == "range":
                    end = field["offset"] + field["bytes"]
                    if (
                        record[field["offset"] : end]
                        > record[self.key_bytes :][field["offset"] : end]
                    ):
                        raise Failure("invalid", "a range ends before it starts")
                    every = (1 << 8 * field["bytes"]) - 1
                    mask |= every << 8 * (self.key_bytes - end)
        elif self.spec["kind"] == "lpm":
            bits = int.from_bytes(record[self.key_bytes : self.identity_bytes], "big")
            whole = self.key_bytes * 8
            if bits > whole:
                raise Failure("invalid", "prefix longer than the key")
            mask = ((1 << bits) - 1) << (whole - bits)
        else:
            return
        if key & ~mask:
            raise Failure("invalid", "bits of the key outside of the mask")

    def insert(self, record: bytes) -> None:
        identity = record[: self.identity_bytes]
        if identity in self.entries:
            raise Failure("exists", "there is an entry with this key already")
        if len(self.entries) >= self.spec["size"]:
            raise Failure("full", "the table is full")
        self.check(record)
        self.entries[identity] = record[self.identity_bytes :]
        self.counts[identity] = (0, 0)

    def modify(self, record: bytes) -> None:
        self.want(record)
        self.entries[record[: self.identity_bytes]] = record[self.identity_bytes :]

    def delete(self, record: bytes) -> None:
        self.want(record)
        del self.entries[record[: self.identity_bytes]]
        del self.counts[record[: self.identity_bytes]]

    def upsert(self, record: bytes) -> None:
        if record[: self.identity_bytes] in self.entries:
            self.modify(record)
        else:
            self.insert(record)

    def want(self, record: bytes) -> None:
        if record[: self.identity_bytes] not in self.entries:
            raise Failure("not_found", "there is no entry with this key")


class FakeDevice:
    def __init__(self, number: int, name: str, path: str) -> None:
        data = Path(path).read_bytes()
        try:
            self.manifest = json.loads(data.removeprefix(ELF))
        except ValueError as e:
            raise Failure("invalid", "object: cannot be loaded") from e
        self.number, self.name = number, name
        self.tables = [FakeTable(spec) for spec in self.manifest["tables"]]
        self.counters = [[(0, 0)] * spec["size"] for spec in self.manifest["counters"]]
        self.meters = [[UNSET] * spec["size"] for spec in self.manifest["meters"]]
        self.direct_meters: dict[tuple[int, bytes], bytes] = {}
        self.registers = [[0] * spec["size"] for spec in self.manifest["registers"]]

    def declared(self) -> dict[str, Any]:
        return {
            "tables": [{"name": spec["name"]} for spec in self.manifest["tables"]],
            "counters": [{"name": spec["name"]} for spec in self.manifest["counters"]],
            "drops": {},
        }


class FakeDataplane:
    """`broken` names operations that end the connection in place of an answer."""

    def __init__(self) -> None:
        self.ports: dict[str, dict[str, Any]] = {}
        self.devices: dict[int, FakeDevice] = {}
        self.requests: list[str] = []
        self.broken: set[str] = set()
        self.refused: dict[str, Failure] = {}
        self.stopped = asyncio.Event()

    def answer(self, request: dict[str, Any], blob: bytes) -> tuple[dict[str, Any], bytes]:
        op = request["op"]
        self.requests.append(op)
        if op in self.refused:
            raise self.refused[op]
        handler = getattr(self, f"op_{op}", None)
        if handler is None:
            raise Failure("unsupported", f"no operation {op}")
        result = handler(request, blob)
        if isinstance(result, bytes):
            return {}, result
        return result if isinstance(result, tuple) else (result or {}, b"")

    def op_hello(self, request: Any, blob: bytes) -> Any:
        return {
            "version": "fake",
            "abi": 4,
            "pid": os.getpid(),
            "workers": 0,
            "hugepages": False,
        }

    def op_subscribe(self, request: Any, blob: bytes) -> None:
        """Nothing happens here that could be told."""

    def op_packet_out(self, request: Any, blob: bytes) -> None:
        """It leaves nowhere."""

    def op_port_add(self, request: Any, blob: bytes) -> None:
        if request["name"] in self.ports:
            raise Failure("exists", f"there is a port '{request['name']}' already")
        if request.get("interface", "") == "nosuch0":
            raise Failure("not_found", "there is no interface 'nosuch0'")
        place = [request.get(key) for key in ("interface", "hook", "netns")]
        for other in self.ports.values():
            if place[0] and place == [other.get(key) for key in ("interface", "hook", "netns")]:
                raise Failure("busy", f"interface '{place[0]}' is in use by '{other['name']}'")
        self.ports[request["name"]] = {**request, "device": None, "port": None}

    def op_port_remove(self, request: Any, blob: bytes) -> None:
        if self.ports.pop(request["name"], None) is None:
            raise Failure("not_found", f"there is no port '{request['name']}'")

    def op_port_list(self, request: Any, blob: bytes) -> Any:
        keys = ("name", "kind", "device", "port")
        counts = dict.fromkeys(("rx_packets", "rx_bytes", "tx_packets", "tx_bytes"), 0)
        return {
            "ports": [
                {**{key: port[key] for key in keys}, "link": True, "drops": {}, **counts}
                for port in self.ports.values()
            ]
        }

    def op_device_add(self, request: Any, blob: bytes) -> Any:
        if request["id"] in self.devices:
            raise Failure("exists", f"there is a device {request['id']} already")
        device = FakeDevice(request["id"], request["name"], request["object"])
        self.devices[request["id"]] = device
        return device.declared()

    def op_device_replace(self, request: Any, blob: bytes) -> Any:
        old = self.device(request, "id")
        if "from" in request:
            staged = self.devices.pop(self.device(request, "from").number)
            staged.number = old.number
            self.devices[old.number] = staged
            return staged.declared()
        device = FakeDevice(old.number, old.name, request["object"])
        self.devices[old.number] = device
        return device.declared()

    def op_device_remove(self, request: Any, blob: bytes) -> None:
        del self.devices[self.device(request, "id").number]
        for port in self.ports.values():
            if port["device"] == request["id"]:
                port["device"] = port["port"] = None

    def op_device_list(self, request: Any, blob: bytes) -> Any:
        return {
            "devices": [
                {
                    "id": device.number,
                    "name": device.name,
                    "digest": device.manifest["digest"],
                    "tables": [],
                    "drops": {},
                    "packets": 0,
                }
                for device in self.devices.values()
            ]
        }

    def op_wire(self, request: Any, blob: bytes) -> None:
        wires = request.get("wires", [request])
        for wire in wires:
            self.device(wire, "device")
            if wire["name"] not in self.ports:
                raise Failure("not_found", f"there is no port '{wire['name']}'")
        for wire in wires:
            self.ports[wire["name"]] |= {"device": wire["device"], "port": wire["port"]}

    def op_unwire(self, request: Any, blob: bytes) -> None:
        for wire in request.get("wires", [request]):
            self.device(wire, "device")
            if wire["name"] not in self.ports:
                raise Failure("not_found", f"there is no port '{wire['name']}'")
            self.ports[wire["name"]] |= {"device": None, "port": None}

    def op_entries_write(self, request: Any, blob: bytes) -> Any:
        table = self.table(request)
        failed = []
        for position in range(request["count"]):
            record = blob[position * table.record_bytes : (position + 1) * table.record_bytes]
            try:
                getattr(table, request["mode"])(record)
            except Failure as e:
                failed.append([position, e.code, str(e)])
        return {"failed": failed}

    def op_entries_read(self, request: Any, blob: bytes) -> Any:
        table = self.table(request)
        first = request.get("cursor", 0)
        page = list(table.entries.items())[first : first + 500]
        data = b"".join(i + tail + CELL.pack(*table.counts[i]) for i, tail in page)
        answer = {"count": len(page)}
        if first + len(page) < len(table.entries):
            answer["cursor"] = first + len(page)
        return answer, data

    def op_default_write(self, request: Any, blob: bytes) -> None:
        table = self.table(request)
        size = 2 + table.spec["data_bytes"]
        table.default = blob.ljust(size, b"\0") if blob else table.own_default

    def op_default_read(self, request: Any, blob: bytes) -> bytes:
        return self.table(request).default + CELL.pack(0, 0)

    def op_counter_read(self, request: Any, blob: bytes) -> bytes:
        cells = self.device(request, "device").counters[request["counter"]]
        first = request["first"]
        return b"".join(CELL.pack(*cell) for cell in cells[first : first + request["count"]])

    def op_counter_write(self, request: Any, blob: bytes) -> None:
        cells = self.device(request, "device").counters[request["counter"]]
        for offset, cell in enumerate(CELL.iter_unpack(blob)):
            cells[request["first"] + offset] = cell

    def op_direct_counter_write(self, request: Any, blob: bytes) -> None:
        table = self.table(request)
        table.want(blob)
        cell = CELL.unpack(blob[table.record_bytes :])
        table.counts[blob[: table.identity_bytes]] = cell

    def op_meter_read(self, request: Any, blob: bytes) -> bytes:
        cells = self.device(request, "device").meters[request["meter"]]
        return b"".join(cells[request["first"] : request["first"] + request["count"]])

    def op_meter_write(self, request: Any, blob: bytes) -> None:
        cells = self.device(request, "device").meters[request["meter"]]
        for offset in range(len(blob) // len(UNSET)):
            cell = blob[offset * len(UNSET) : (offset + 1) * len(UNSET)]
            cells[request["first"] + offset] = cell

    def op_direct_meter_write(self, request: Any, blob: bytes) -> None:
        table = self.table(request)
        table.want(blob)
        device = self.device(request, "device")
        identity = blob[: table.identity_bytes]
        device.direct_meters[request["table"], identity] = blob[table.record_bytes :]

    def op_register_read(self, request: Any, blob: bytes) -> bytes:
        cells = self.device(request, "device").registers[request["register"]]
        wanted = cells[request["first"] : request["first"] + request["count"]]
        return b"".join(cell.to_bytes(8, "big") for cell in wanted)

    def op_register_write(self, request: Any, blob: bytes) -> None:
        cells = self.device(request, "device").registers[request["register"]]
        for offset in range(len(blob) // 8):
            value = int.from_bytes(blob[8 * offset : 8 * offset + 8], "big")
            cells[request["first"] + offset] = value

    def op_shutdown(self, request: Any, blob: bytes) -> None:
        self.stopped.set()

    def device(self, request: Any, key: str) -> FakeDevice:
        device = self.devices.get(request[key])
        if device is None:
            raise Failure("not_found", f"there is no device {request[key]}")
        return device

    def table(self, request: Any) -> FakeTable:
        device = self.device(request, "device")
        table: FakeTable = device.tables[request["table"]]
        return table

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                length, size = LENGTHS.unpack(await reader.readexactly(8))
                body = await reader.readexactly(length - 4)
                request = json.loads(body[:size])
                if request["op"] in self.broken:
                    break
                try:
                    answer, blob = self.answer(request, body[size:])
                    answer = {"ok": True, **answer}
                except Failure as e:
                    answer, blob = {"error": {"code": e.code, "message": str(e)}}, b""
                text = json.dumps(answer).encode()
                writer.write(LENGTHS.pack(4 + len(text) + len(blob), len(text)) + text + blob)
                await writer.drain()
        writer.close()


async def _main(path: str) -> None:
    fake = FakeDataplane()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, fake.stopped.set)
    Path(path).unlink(missing_ok=True)
    server = await asyncio.start_unix_server(fake.serve, path)
    await fake.stopped.wait()
    server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", required=True)
    parser.add_argument("--bpffs")  # where it stands for the other target's
    asyncio.run(_main(parser.parse_args().socket))
