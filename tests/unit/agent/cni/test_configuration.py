"""Network configurations: what is taken from one, and what is said of each that cannot be taken."""

from __future__ import annotations

import json

import pytest

from p4kube_core.agent.cni import configuration
from p4kube_core.agent.cni.fault import Code, Fault
from tests.unit.agent.cni import calls

VALID = configuration.VALID_ATTACHMENTS


def test_what_concerns_us_is_read_and_the_rest_ignored() -> None:
    given = calls.text(runtimeConfig={"mac": "x"}, args={}, anything=[1.5, None])
    assert configuration.parse(given) == configuration.Configuration(
        "1.0.0", "pods", calls.RESULT, None
    )


@pytest.mark.parametrize("version", configuration.VERSIONS)
def test_every_version_with_chains_is_spoken(version: str) -> None:
    assert configuration.parse(calls.text(cniVersion=version)).version == version


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ([{"containerID": "a", "ifname": "eth0"}], {("a", "eth0")}),
        ([], set()),
        (None, set()),
    ],
)
def test_valid_attachments_of_gc(given: object, found: set[tuple[str, str]]) -> None:
    made = {**calls.configuration(), VALID: given}
    assert configuration.parse(json.dumps(made).encode()).valid == frozenset(found)


NAME = "name: want the network's name, a letter or digit and then letters, digits, '_', '.' and '-'"
ATTACHMENTS = f"{VALID}: want a list of objects with the strings containerID and ifname"
VERSIONS = "cniVersion: want one of 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0"

REFUSED: dict[str, tuple[bytes, Code, str]] = {
    "nothing": (b"", Code.DECODING_FAILURE, "want a configuration in JSON: Expecting value"),
    "cut off": (calls.text()[:-9], Code.DECODING_FAILURE, "want a configuration in JSON: "),
    "two objects": (b"{}{}", Code.DECODING_FAILURE, "want a configuration in JSON: Extra data"),
    "a list": (b"[1]", Code.DECODING_FAILURE, "want a JSON object, found [1]"),
    "not UTF-8": (b'{"name": "\xff"}', Code.DECODING_FAILURE, "'utf-8' codec can't decode"),
    "UTF-16": ("{}".encode("utf-16"), Code.DECODING_FAILURE, "'utf-8' codec can't decode"),
    "half a character": (rb'{"a": "\ud800"}', Code.DECODING_FAILURE, "surrogates not allowed"),
    "not a number": (b'{"a": NaN}', Code.DECODING_FAILURE, "NaN is no number of JSON"),
    "infinity": (b'{"a": -Infinity}', Code.DECODING_FAILURE, "-Infinity is no number of JSON"),
    "a huge number": (b'{"a": 1e999}', Code.DECODING_FAILURE, "the number 1e999 is too large"),
    "a long number": (
        b'{"a": ' + b"9" * 5000 + b"}",
        Code.DECODING_FAILURE,
        "Exceeds the limit (4300 digits)",
    ),
    "deep": (b"[" * 500_000, Code.DECODING_FAILURE, "nested too deeply"),
    "deep and whole": (
        b'{"a": ' + b"[" * 300_000 + b"]" * 300_000 + b"}",
        Code.DECODING_FAILURE,
        "nested too deeply",
    ),
    "no version": (
        calls.text(cniVersion=None),
        Code.INCOMPATIBLE_VERSION,
        f"{VERSIONS}, found none",
    ),
    "before chains": (
        calls.text(cniVersion="0.2.0"),
        Code.INCOMPATIBLE_VERSION,
        f'{VERSIONS}, found "0.2.0"',
    ),
    "after us": (
        calls.text(cniVersion="1.2.0"),
        Code.INCOMPATIBLE_VERSION,
        f'{VERSIONS}, found "1.2.0"',
    ),
    "version of another kind": (
        calls.text(cniVersion=["1.0.0"]),
        Code.INCOMPATIBLE_VERSION,
        f'{VERSIONS}, found ["1.0.0"]',
    ),
    "ipam": (
        calls.text(ipam={"type": "host-local"}),
        Code.UNSUPPORTED_FIELD,
        'ipam: {"type": "host-local"}: p4kube-cni gives no addresses',
    ),
    "no name": (calls.text(name=None), Code.INVALID_CONFIGURATION, f"{NAME}; found null"),
    "empty name": (calls.text(name=""), Code.INVALID_CONFIGURATION, f'{NAME}; found ""'),
    "a path for a name": (
        calls.text(name="../a"),
        Code.INVALID_CONFIGURATION,
        f'{NAME}; found "../a"',
    ),
    "a name of two lines": (
        calls.text(name="a\n"),
        Code.INVALID_CONFIGURATION,
        rf'{NAME}; found "a\n"',
    ),
    "a result of another kind": (
        calls.text(prevResult=[]),
        Code.INVALID_CONFIGURATION,
        "prevResult: want an object, found []",
    ),
    "attachments of another kind": (
        calls.text(**{VALID: {}}),
        Code.INVALID_CONFIGURATION,
        f"{ATTACHMENTS}, found {{}}",
    ),
    "an attachment without interface": (
        calls.text(**{VALID: [{"containerID": "a"}]}),
        Code.INVALID_CONFIGURATION,
        f'{ATTACHMENTS}, found {{"containerID": "a"}}',
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_taken_is_refused_with_its_code_and_a_sentence(name: str) -> None:
    given, code, sentence = REFUSED[name]
    with pytest.raises(Fault) as caught:
        configuration.parse(given)
    assert caught.value.code == code
    assert sentence in caught.value.details
    assert len(caught.value.details) < 400
