from __future__ import annotations

from pathlib import Path

import pytest

from p4kube_core import errors
from p4kube_core.cli.stf import parser, script
from p4kube_core.model import match
from p4kube_core.model.entry import NamedEntry
from p4kube_core.model.meter import Rates
from p4kube_core.switch import values

HERE = Path("t.stf")
ROOT = Path(__file__).parent.parent.parent.parent


def one(line: str) -> script.Command:
    (command,) = parser.parse(HERE, line).commands
    return command


def entry(line: str) -> NamedEntry:
    command = one(line)
    assert isinstance(command, script.Add)
    return command.entry


def test_an_entry_has_table_priority_key_action_and_arguments() -> None:
    command = one('add ingress.acl 10 hdr.ip.src:10.0.0.0/8 "hdr.ip.$valid$":1 fwd(port:0x2) = e1')
    assert command == script.Add(
        1,
        NamedEntry(
            "ingress.acl",
            (("hdr.ip.src", match.Prefixed(10 << 24, 8)), ("hdr.ip.$valid$", match.Exactly(1))),
            "fwd",
            (("port", 2),),
            10,
            place="t.stf:1",
        ),
        "e1",
    )


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("12", match.Exactly(12)),
        ("0x1f", match.Exactly(31)),
        ("0b101", match.Exactly(5)),
        ("0x0*12", match.Masked(0x0012, 0xF0FF, 16)),
        ("0b1**0", match.Masked(0b1000, 0b1001, 4)),
        ("0x0a000000/8", match.Prefixed(0x0A000000, 8)),
        ("0x10&&&0xf0", match.Masked(0x10, 0xF0)),
        ("1->9", match.Between(1, 9)),
        ('"2001:db8::1"', match.Exactly(0x20010DB8000000000000000000000001)),
        ('"52:54:00:12:34:56"', match.Exactly(0x525400123456)),
    ],
)
def test_values(value: str, wanted: match.Match) -> None:
    assert entry(f"add t k:{value} a()").match == (("k", wanted),)


def test_a_field_of_a_stack_is_named_as_in_p4info() -> None:
    assert entry("add t 1 extra$0.h:0x25** act1(val:0x25)").match[0][0] == "extra[0].h"


def test_an_action_may_stand_without_brackets_and_a_table_without_key() -> None:
    assert entry("add t a") == NamedEntry("t", (), "a", place="t.stf:1")


def test_a_packet_is_bytes_in_and_a_pattern_out() -> None:
    assert one("packet 3 0a 0B0c") == script.Packet(1, 3, b"\x0a\x0b\x0c")
    assert one("expect 3 0A ** 0c") == script.Expect(1, 3, "0a**0c", exact=False)
    assert one("expect 3 0a $") == script.Expect(1, 3, "0a", exact=True)
    assert one("expect 3") == script.Expect(1, 3, None, exact=False)
    assert one("no_packet") == script.NoPacket(1, None)
    assert one("no_packet 4") == script.NoPacket(1, 4)


def test_a_counter_is_named_with_an_index_a_key_or_an_entry() -> None:
    assert one("check_counter c(3) packets == 5") == script.CheckCounter(
        1, "c", 3, (), None, script.Unit.PACKETS, "==", 5
    )
    assert one("check_counter t(k:0x1) bytes >= 60") == script.CheckCounter(
        1, "t", None, (("k", match.Exactly(1)),), None, script.Unit.BYTES, ">=", 60
    )
    assert one("check_counter t(e1) < 2") == script.CheckCounter(
        1, "t", None, (), "e1", script.Unit.PACKETS, "<", 2
    )


def test_bmv2s_lines_pass_through() -> None:
    register, counter, meter = values.RegisterEntry, values.CounterEntry, values.MeterEntry
    assert one("register_write r 3 0x10") == script.Write(1, register("r", 3, 16))
    assert one("register_reset r") == script.Write(1, register("r", None, 0))
    assert one("register_read r") == script.Read(1, register("r"))
    assert one("register_read r 2") == script.Read(1, register("r", 2))
    counts = values.CounterData(5, 300)
    assert one("counter_write c 1 5 300") == script.Write(1, counter("c", 1, counts))
    assert one("counter_reset c") == script.Write(1, counter("c", None, values.CounterData()))
    assert one("counter_read c 1") == script.Read(1, counter("c", 1))
    assert one("meter_get_rates m 1") == script.Read(1, meter("m", 1))
    # Tokens a microsecond become tokens a second.
    slow = Rates(1, 10, 2_000_000, 20)
    assert one("meter_set_rates m 4 0.000001:10 2:20") == script.Write(1, meter("m", 4, slow))
    assert one("meter_array_set_rates m 0.000001:10 2:20") == script.Write(
        1, meter("m", None, slow)
    )


def test_an_entry_may_have_rates_for_its_direct_meter() -> None:
    command = one("add t k:1 a() rates(cir:1, cburst:2, pir:3, pburst:4) = limit")
    assert isinstance(command, script.Add)
    assert (command.entry.rates, command.id) == (Rates(1, 2, 3, 4), "limit")
    assert entry("add t k:1 a(rates:5)").rates is None


def test_what_a_register_holds_can_be_asked() -> None:
    assert one("check_register ingress.r(3) >= 0x10") == script.CheckRegister(
        1, "ingress.r", 3, ">=", 16
    )


def test_a_range_is_written_with_dots_or_an_arrow() -> None:
    for text in ("add t 1 k:0x1..0x5 a()", "add t 1 k:1->5 a()"):
        assert entry(text).match == (("k", match.Between(1, 5)),)


def test_comments_blank_lines_and_line_numbers() -> None:
    read = parser.parse(HERE, "# a\n\npacket 1 00 # b\n  wait\n")
    assert [command.line for command in read.commands] == [3, 4]
    assert read.ports == (1,)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("packet 1 0", "want an even number of hexadecimal digits, got 1"),
        ("packet 1 0g", "want hexadecimal digits, got 'g'"),
        ("packet 1 0*", "want hexadecimal digits in a packet, got '*'"),
        ("packet one 00", "want a port number, got 'one'"),
        ("packet 1", "want a packet's bytes in hexadecimal after the port, got nothing"),
        ("add", "want a table, got 'the end of the line'"),
        (
            "add t k:zz a()",
            "want a number, 0x or 0b digits, an IPv4, IPv6 or MAC address, got 'zz'",
        ),
        ("add t k:1 a(x:1", "want ',' or ')' after a parameter, got 'the end'"),
        ("add t k:1 a() b", "want the end of the line, got 'b'"),
        ("check_counter c(1) packets ~ 1", "want one of == != < <= > >=, got '~'"),
        ("register_write r 1", "want a register, an index and a value, got 'r 1'"),
        (
            "meter_set_rates m 1 5 6:7",
            "want RATE:BURST, tokens a microsecond and tokens, got '5'",
        ),
        (
            "add t k:1 a() rates(cir:1, pir:3)",
            "want rates(cir:N, cburst:N, pir:N, pburst:N), got cir, pir",
        ),
        ("check_register r == 1", "want '(', got '=='"),
        ("mirroring_add 1 2", "'mirroring_add' is not supported yet"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(line: str, message: str) -> None:
    with pytest.raises(errors.ScriptError) as caught:
        parser.parse(HERE, f"wait\n{line}\n")
    assert str(caught.value) == f"t.stf:2: {message}"


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(errors.ScriptError) as caught:
        parser.parse(HERE, "foo\nwait\npacket 1 0\n")
    first, second = str(caught.value).splitlines()
    assert first.startswith("t.stf:1: want a command (add, setdefault, ")
    assert second.startswith("t.stf:3: ")


@pytest.mark.parametrize("path", sorted(ROOT.glob("p4nf/*/*.stf")), ids=lambda p: p.stem)
def test_every_script_of_ours_is_read(path: Path) -> None:
    commands = parser.parse(path, path.read_text()).commands
    checks = [c for c in commands if isinstance(c, script.Expect | script.NoPacket)]
    assert len(checks) >= 10
