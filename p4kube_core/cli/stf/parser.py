"""Reads an STF script: one command a line, `#` comments. All that is wrong is said at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, final

from p4kube_core import errors
from p4kube_core.cli.stf import script
from p4kube_core.model import entry as model
from p4kube_core.model import match
from p4kube_core.model.meter import Rates
from p4kube_core.switch import values

# BMv2's command line, which passes through in other people's scripts; not in this version.
NOT_YET: Final = frozenset(
    {
        "mc_mgrp_create", "mc_mgrp_destroy", "mc_node_create", "mc_node_associate",
        "mc_node_dissociate", "mc_node_destroy", "mirroring_add", "mirroring_add_mc",
        "mirroring_delete", "mirroring_get",
    }
)  # fmt: skip

_TOKEN: Final = re.compile(
    r"""\s*(?:
        "(?P<quoted>[^"]*)"
      | (?P<operator>==|!=|<=|>=|->|\.\.|&&&|[<>=(),:/$])
      | (?P<word>(?:(?!->|\.\.)[^\s"(),:=<>!/$&])+(?:\$[^\s"(),:=<>!/$&]+\$?)*)
    )""",
    re.VERBOSE,
)
_HEX: Final = re.compile(r"[0-9a-fA-F*]+")
MAX_PORT: Final = 0xFFFE


class _Wrong(ValueError):
    """What is wrong with one line."""


def parse(path: Path, text: str) -> script.Script:
    """Read a script.

    Raises:
        errors.ScriptError: one line of message for each line that is wrong.
    """
    commands: list[script.Command] = []
    wrong: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        bare = _without_comment(line).strip()
        if not bare:
            continue
        try:
            commands.append(_command(f"{path}:{number}", number, bare))
        except (_Wrong, match.BadForm) as e:
            wrong.append(f"{path}:{number}: {e}")
    if wrong:
        raise errors.ScriptError("\n".join(wrong))
    return script.Script(path, tuple(commands))


def _without_comment(line: str) -> str:
    quoted = False
    for position, character in enumerate(line):
        if character == '"':
            quoted = not quoted
        elif character == "#" and not quoted:
            return line[:position]
    return line


def _command(place: str, number: int, line: str) -> script.Command:
    name, _, rest = line.partition(" ")
    name, tab, more = name.partition("\t")
    rest = more + " " + rest if tab else rest
    if name in _PARSERS:
        return _PARSERS[name](place, number, rest.strip())
    if name in NOT_YET:
        raise _Wrong(f"{name!r} is not supported yet")
    raise _Wrong(f"want a command ({', '.join(_PARSERS)}), got {name!r}")


# --- Packets.


def _packet(_place: str, number: int, rest: str) -> script.Command:
    port, _, digits = rest.partition(" ")
    data = _digits(digits)
    if "*" in data:
        raise _Wrong("want hexadecimal digits in a packet, got '*'")
    if not data:
        raise _Wrong("want a packet's bytes in hexadecimal after the port, got nothing")
    if len(data) % 2:
        raise _Wrong(f"want an even number of hexadecimal digits, got {len(data)}")
    return script.Packet(number, _port(port), bytes.fromhex(data))


def _expect(_place: str, number: int, rest: str) -> script.Command:
    exact = rest.endswith("$")
    port, _, digits = rest.removesuffix("$").partition(" ")
    pattern = _digits(digits)
    if not pattern:
        return script.Expect(number, _port(port), None, False)
    return script.Expect(number, _port(port), pattern, exact)


def _packet_out(_place: str, number: int, rest: str) -> script.Command:
    metadata, digits = _metadata(rest)
    data = _packet(_place, number, f"0 {digits}")
    assert isinstance(data, script.Packet)
    return script.PacketOut(number, metadata, data.data)


def _expect_packet_in(_place: str, number: int, rest: str) -> script.Command:
    exact = rest.endswith("$")
    metadata, digits = _metadata(rest.removesuffix("$"))
    pattern = _digits(digits)
    return script.ExpectPacketIn(number, metadata, pattern or None, exact and bool(pattern))


def _expect_digest(_place: str, number: int, rest: str) -> script.Command:
    name, _, more = rest.partition(" ")
    fields, left = _metadata(more)
    if not name or left:
        raise _Wrong(f"want a digest and its fields, each FIELD:VALUE, got {rest!r}")
    return script.ExpectDigest(number, name.strip('"'), fields)


def _cpu_port(_place: str, number: int, rest: str) -> script.Command:
    return script.CpuPort(number, _port(rest))


def _metadata(rest: str) -> tuple[tuple[tuple[str, int], ...], str]:
    """FIELD:VALUE as often as there are some, and the rest of the line."""
    found: list[tuple[str, int]] = []
    words = rest.split()
    while words and ":" in words[0]:
        name, _, value = words.pop(0).partition(":")
        found.append((name.strip('"'), match.number(value)))
    return tuple(found), " ".join(words)


def _no_packet(_place: str, number: int, rest: str) -> script.Command:
    return script.NoPacket(number, _port(rest) if rest else None)


def _digits(text: str) -> str:
    digits = "".join(text.split()).lower()
    if digits and not _HEX.fullmatch(digits):
        wrong = next(c for c in digits if not _HEX.fullmatch(c))
        raise _Wrong(f"want hexadecimal digits, got {wrong!r}")
    return digits


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise _Wrong(f"want a port number, got {text!r}")
    return int(text)


# --- Tables.


def _add(place: str, number: int, rest: str) -> script.Command:
    tokens = _Tokens(rest)
    table, priority, key = _table_and_key(tokens)
    action, params = _action(tokens)
    rates = _direct_rates(tokens) if tokens.peek == "rates" else None
    name = tokens.word("a name for the entry") if tokens.take("=") else None
    tokens.end()
    entry = model.NamedEntry(table, key, action, params, priority, place=place, rates=rates)
    return script.Add(number, entry, name)


def _direct_rates(tokens: _Tokens) -> Rates:
    """Ours: `rates(cir:N, cburst:N, pir:N, pburst:N)`, of the entry's direct meter."""
    _, written = _action(tokens)
    given = dict(written)
    names = ("cir", "cburst", "pir", "pburst")
    if sorted(given) != sorted(names):
        raise _Wrong(f"want rates({', '.join(f'{n}:N' for n in names)}), got {', '.join(given)}")
    return Rates(**given)


def _set_default(place: str, number: int, rest: str) -> script.Command:
    tokens = _Tokens(rest)
    table = tokens.word("a table")
    action, params = _action(tokens)
    tokens.end()
    entry = model.NamedEntry(table, (), action, params, is_default=True, place=place)
    return script.SetDefault(number, entry)


def _remove(place: str, number: int, rest: str) -> script.Command:
    if rest == "all":
        return script.Remove(number, None, None)
    tokens = _Tokens(rest)
    if tokens.alone:
        return script.Remove(number, tokens.word("an entry's name"), None)
    table, priority, key = _table_and_key(tokens)
    tokens.end()
    entry = model.NamedEntry(table, key, "", (), priority, place=place)
    return script.Remove(number, None, entry)


def _table_and_key(
    tokens: _Tokens,
) -> tuple[str, int | None, tuple[tuple[str, match.Match], ...]]:
    table = tokens.word("a table")
    priority = None
    if tokens.peek.isdecimal() and tokens.peek_after != ":":
        priority = int(tokens.word("a priority"))
    key: list[tuple[str, match.Match]] = []
    while tokens.peek_after == ":":
        field = _field_name(tokens.word("a field"))
        tokens.expect(":")
        key.append((field, match.parse(tokens.value())))
    return table, priority, tuple(key)


def _field_name(name: str) -> str:
    """Write `stack$0.f` as P4Info does: `stack[0].f`."""
    return re.sub(r"\$(\d+)", r"[\1]", name)


def _action(tokens: _Tokens) -> tuple[str, tuple[tuple[str, int], ...]]:
    action = tokens.word("an action")
    params: list[tuple[str, int]] = []
    if tokens.take("("):
        while not tokens.take(")"):
            name = tokens.word("a parameter")
            tokens.expect(":")
            params.append((name, match.number(tokens.value())))
            if not tokens.take(",") and tokens.peek != ")":
                raise _Wrong(f"want ',' or ')' after a parameter, got {tokens.peek or 'the end'!r}")
    return action, tuple(params)


# --- Counters.


def _check_counter(_place: str, number: int, rest: str) -> script.Command:
    tokens = _Tokens(rest)
    name = tokens.word("a counter")
    index: int | None = None
    entry: str | None = None
    key: list[tuple[str, match.Match]] = []
    if tokens.take("("):
        while not tokens.take(")"):
            word = tokens.word("an index or a key")
            if tokens.take(":"):
                key.append((_field_name(word), match.parse(tokens.value())))
            elif word.isdecimal() or word.lower().startswith("0x"):
                index = match.number(word)
            else:
                entry = word
            tokens.take(",")
    unit = script.Unit.PACKETS
    if tokens.peek in set(script.Unit):
        unit = script.Unit(tokens.word("a unit"))
    operator = _operator(tokens)
    wanted = match.number(tokens.word("a number"))
    tokens.end()
    return script.CheckCounter(number, name, index, tuple(key), entry, unit, operator, wanted)


def _check_register(_place: str, number: int, rest: str) -> script.Command:
    tokens = _Tokens(rest)
    name = tokens.word("a register")
    tokens.expect("(")
    index = match.number(tokens.word("an index"))
    tokens.expect(")")
    operator = _operator(tokens)
    wanted = match.number(tokens.word("a number"))
    tokens.end()
    return script.CheckRegister(number, name, index, operator, wanted)


def _operator(tokens: _Tokens) -> str:
    found = tokens.word("one of == != < <= > >=")
    if found not in {"==", "!=", "<", "<=", ">", ">=", "="}:
        raise _Wrong(f"want one of == != < <= > >=, got {found!r}")
    return "==" if found == "=" else found


# --- BMv2's command line: words in a fixed order.


def _register_read(_place: str, number: int, rest: str) -> script.Command:
    name, *numbers = _words(rest, "a register and perhaps an index", 1, 2)
    index = _numbers(numbers)[0] if numbers else None
    return script.Read(number, values.RegisterEntry(name, index))


def _register_write(_place: str, number: int, rest: str) -> script.Command:
    name, *numbers = _words(rest, "a register, an index and a value", 3, 3)
    index, value = _numbers(numbers)
    return script.Write(number, values.RegisterEntry(name, index, value))


def _register_reset(_place: str, number: int, rest: str) -> script.Command:
    (name,) = _words(rest, "a register", 1, 1)
    return script.Write(number, values.RegisterEntry(name, None, 0))


def _counter_read(_place: str, number: int, rest: str) -> script.Command:
    name, *numbers = _words(rest, "a counter and an index", 2, 2)
    return script.Read(number, values.CounterEntry(name, _numbers(numbers)[0]))


def _counter_write(_place: str, number: int, rest: str) -> script.Command:
    name, *numbers = _words(rest, "a counter, an index, packets and bytes", 4, 4)
    index, packets, size = _numbers(numbers)
    data = values.CounterData(packets, size)
    return script.Write(number, values.CounterEntry(name, index, data))


def _counter_reset(_place: str, number: int, rest: str) -> script.Command:
    (name,) = _words(rest, "a counter", 1, 1)
    return script.Write(number, values.CounterEntry(name, None, values.CounterData()))


def _meter_get_rates(_place: str, number: int, rest: str) -> script.Command:
    name, *numbers = _words(rest, "a meter and an index", 2, 2)
    return script.Read(number, values.MeterEntry(name, _numbers(numbers)[0]))


def _meter_set_rates(_place: str, number: int, rest: str) -> script.Command:
    name, index, *pairs = _words(rest, "a meter, an index and two pairs RATE:BURST", 4, 4)
    return script.Write(number, values.MeterEntry(name, _numbers([index])[0], _rates(pairs)))


def _meter_array_set_rates(_place: str, number: int, rest: str) -> script.Command:
    name, *pairs = _words(rest, "a meter and two pairs RATE:BURST", 3, 3)
    return script.Write(number, values.MeterEntry(name, None, _rates(pairs)))


def _rates(pairs: list[str]) -> Rates:
    """The committed pair, then the peak one; BMv2's rates are tokens a microsecond."""
    numbers: list[int] = []
    for pair in pairs:
        rate, colon, burst = pair.partition(":")
        try:
            numbers += [round(float(rate) * 1_000_000), int(burst)]
        except (ValueError, OverflowError):
            colon = ""
        if not colon or min(numbers) < 0:
            raise _Wrong(f"want RATE:BURST, tokens a microsecond and tokens, got {pair!r}")
    return Rates(*numbers)


def _words(rest: str, wanted: str, least: int, most: int) -> list[str]:
    found = rest.split()
    if not least <= len(found) <= most:
        raise _Wrong(f"want {wanted}, got {rest!r}")
    return [word.strip('"') for word in found]


def _numbers(words: list[str]) -> list[int]:
    return [match.number(word) for word in words]


def _wait(_place: str, number: int, _rest: str) -> script.Command:
    return script.Wait(number)


_PARSERS: Final[dict[str, Callable[[str, int, str], script.Command]]] = {
    "add": _add,
    "setdefault": _set_default,
    "remove": _remove,
    "packet": _packet,
    "expect": _expect,
    "no_packet": _no_packet,
    "wait": _wait,
    "check_counter": _check_counter,
    "check_register": _check_register,
    "cpu_port": _cpu_port,
    "packet_out": _packet_out,
    "expect_packet_in": _expect_packet_in,
    "expect_digest": _expect_digest,
    "register_read": _register_read,
    "register_write": _register_write,
    "register_reset": _register_reset,
    "counter_read": _counter_read,
    "counter_write": _counter_write,
    "counter_reset": _counter_reset,
    "meter_get_rates": _meter_get_rates,
    "meter_set_rates": _meter_set_rates,
    "meter_array_set_rates": _meter_array_set_rates,
}


@final
class _Tokens:
    """The words and signs of one line, from left to right."""

    def __init__(self, text: str) -> None:
        self._tokens: list[str] = []
        position = 0
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None:
                raise _Wrong(f"want a name, a value or a sign, got {text[position:].strip()!r}")
            self._tokens.append(found["quoted"] or found["operator"] or found["word"] or "")
            position = found.end()
        self._next = 0

    @property
    def alone(self) -> bool:
        return len(self._tokens) == 1

    @property
    def peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    @property
    def peek_after(self) -> str:
        after = self._next + 1
        return self._tokens[after] if after < len(self._tokens) else ""

    def take(self, sign: str) -> bool:
        if self.peek != sign:
            return False
        self._next += 1
        return True

    def expect(self, sign: str) -> None:
        if not self.take(sign):
            raise _Wrong(f"want {sign!r}, got {self.peek or 'the end of the line'!r}")

    def word(self, what: str) -> str:
        found = self.peek
        if found in {"", "(", ")", ",", ":"}:
            raise _Wrong(f"want {what}, got {found or 'the end of the line'!r}")
        self._next += 1
        return found

    def value(self) -> str:
        """A value with what belongs to it: /length, &&&mask, ->high."""
        text = self.word("a value")
        while self.peek in {"/", "&&&", "->", ".."}:
            text += self.peek
            self._next += 1
            text += self.word("a value")
        return text

    def end(self) -> None:
        if self.peek:
            raise _Wrong(f"want the end of the line, got {self.peek!r}")
