"""What the program portfwd.p4 has to be told for its parameters; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from p4kube_core import errors
from p4kube_core.model import match
from p4kube_core.model.entry import NamedEntry

PROTOCOLS: Final = {"tcp": 6, "udp": 17}


def entries(parameters: Mapping[str, Any]) -> Iterable[NamedEntry]:
    """A forward is two entries: one for what comes in, one for what goes out.

    Raises:
        errors.ManifestError: an address that is none, or two forwards that contradict each other.
    """
    public: dict[tuple[int, int, int], int] = {}
    inside: dict[tuple[int, int, int], int] = {}
    for index, forward in enumerate(parameters["forwards"]):
        place = f"forwards[{index}]"
        protocol = PROTOCOLS[forward["protocol"]]
        outer = _endpoint(forward["public"], f"{place}.public")
        inner = _endpoint(forward["inside"], f"{place}.inside")
        for taken, endpoint, name in ((public, outer, "public"), (inside, inner, "inside")):
            first = taken.setdefault((protocol, *endpoint), index)
            if first != index:
                raise errors.ManifestError(
                    f"{place}.{name}: the same {forward['protocol']} address and port as "
                    f"forwards[{first}].{name}"
                )
        label = forward.get("name")
        action, params = "forward", [("address", inner[0]), ("port", inner[1])]
        if "mac" in forward:
            action, params = "forward_to", [("mac", match.number(forward["mac"])), *params]
        yield NamedEntry(
            "ingress.forwards", _key(protocol, outer), action, tuple(params), label=label,
            place=place,
        )  # fmt: skip
        yield NamedEntry(
            "ingress.answers", _key(protocol, inner), "answer_as",
            (("address", outer[0]), ("port", outer[1])), label=label, place=place,
        )  # fmt: skip
    word = parameters["unmatched"]
    yield _default("ingress.forwards", f"{word}_inward")
    yield _default("ingress.answers", f"{word}_outward")
    yield _default("ingress.others", word)
    yield _default(
        "ingress.fragments", "pass" if parameters["fragments"] == "pass" else "drop_fragment"
    )


def _key(protocol: int, endpoint: tuple[int, int]) -> tuple[tuple[str, match.Match], ...]:
    return (
        ("address", match.Exactly(endpoint[0])),
        ("protocol", match.Exactly(protocol)),
        ("port", match.Exactly(endpoint[1])),
    )


def _endpoint(written: Mapping[str, Any], place: str) -> tuple[int, int]:
    try:
        return match.number(written["address"]), written["port"]
    except match.BadForm as e:
        raise errors.ManifestError(f"{place}.address: {e}") from e


def _default(table: str, action: str) -> NamedEntry:
    return NamedEntry(table, (), action, is_default=True)
