from __future__ import annotations

from pathlib import Path

import pytest

from p4kube_core import errors
from p4kube_core.cli.play import manifest
from p4kube_core.model import function as model
from p4kube_core.model import match

GOOD = """\
apiVersion: p4kube.io/v1alpha1
kind: NetworkFunction
metadata: {name: web}
spec:
  program: firewall
  parameters:
    rules:
      - {name: ssh, action: allow, protocol: tcp, destinationPort: 22}
  ports:
    - {port: 1, interface: veth0}
    - {port: 2, vhostUser: {socket: /run/vm.sock, mode: client}}
"""


def read(directory: Path, text: str) -> model.NetworkFunction:
    path = directory / "f.yaml"
    path.write_text(text)
    (function,) = manifest.read([path]).functions
    return function


def test_a_function_of_the_catalogue(tmp_path: Path) -> None:
    function = read(tmp_path, GOOD)
    assert function.name == "web"
    assert function.program.name == "firewall.p4"
    assert [port.wire for port in function.ports] == [
        model.InterfacePort("veth0"),
        model.VhostUserPort(Path("/run/vm.sock"), server=False),
    ]
    rules = [entry for entry in function.state.entries if entry.label == "ssh"]
    assert {entry.table for entry in rules} == {"ingress.acl4", "ingress.acl6"}
    assert ("dst_port", match.Prefixed(22, 16)) in rules[0].match


def test_a_program_of_ones_own_with_entries_by_name(tmp_path: Path) -> None:
    (tmp_path / "mine.p4").write_text("")
    text = GOOD.replace("program: firewall", "program: mine.p4")
    start, end = text.index("  parameters:"), text.index("  ports:")
    tables = """\
  tables:
    ingress.t:
      default: {action: drop}
      entries:
        - {match: {hdr.e.dst: 52:54:00:12:34:56}, action: fwd, params: {port: 2}, name: vm}
"""
    function = read(tmp_path, text[:start] + tables + text[end:])
    default, entry = function.state.entries
    assert default.is_default
    # YAML 1.1 would have read this address as a number of base 60.
    assert entry.match == (("hdr.e.dst", match.Exactly(0x525400123456)),)
    assert entry.params == (("port", 2),)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("firewall", "firewal", "spec.program: no function 'firewal' in the catalogue"),
        ("firewall", "./none.p4", "spec.program: no such file: "),
        ("port: 2", "port: 1", "spec.ports[1]: port 1 is taken by "),
        ("  ports:", "  port:", "spec: unknown 'port' (did you mean 'ports'?)"),
        ("interface: veth0", "interfce: veth0", "unknown 'interfce' (did you mean 'interface'?)"),
        ("interface: veth0", "interface: a-name-that-is-too-long", "at most 15 characters"),
        (", interface: veth0", "", "want one of interface, tap, vhostUser or cpu, got none"),
        ("mode: client", "mode: klient", "want server or client (did you mean 'client'?)"),
        (
            "destinationPort: 22",
            "destinationPort: 70000",
            "want a port, low-high, or any, got 70000",
        ),
        ("tcp", "icmp", "want tcp or udp beside ports, got icmp"),
        ("name: web", "name: Web", "metadata.name: want lower-case letters"),
        (
            "kind: NetworkFunction",
            "kind: Pod",
            "kind: want NetworkFunction or NetworkFunctionAttachment, got 'Pod'",
        ),
        ("v1alpha1", "v1", "apiVersion: want p4kube.io/v1alpha1, got 'p4kube.io/v1'"),
        ("{name: web}", "{name: web", "f.yaml:4:5: not YAML"),
        (
            "  program: firewall",
            "  program: firewall\n  program: l2fwd",
            "'program' is given twice",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_path(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in GOOD
    with pytest.raises(errors.ManifestError) as caught:
        read(tmp_path, GOOD.replace(old, new))
    assert message in str(caught.value)
    assert all(str(tmp_path / "f.yaml") in problem for problem in caught.value.problems)


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    wrong = GOOD.replace("action: allow", "action: alow").replace("port: 2", "port: -1")
    with pytest.raises(errors.ManifestError) as caught:
        read(tmp_path, wrong)
    assert len(caught.value.problems) == 1  # the form of ports comes before what parameters mean
    with pytest.raises(errors.ManifestError) as caught:
        read(tmp_path, GOOD.replace("tcp", "gre").replace("veth0", "/"))
    assert caught.value.problems


def test_two_functions_cannot_share_an_interface(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(GOOD.replace("web", name))
    with pytest.raises(errors.ManifestError, match="interface veth0 is in use by"):
        manifest.read([tmp_path / "a.yaml", tmp_path / "b.yaml"])


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(errors.ManifestError, match="no such file: "):
        manifest.read([tmp_path / "none.yaml"])


def test_a_wrong_parameter_is_said_with_the_file_named_once(tmp_path: Path) -> None:
    with pytest.raises(errors.ManifestError) as caught:
        read(tmp_path, GOOD.replace("destinationPort", "destinationPrt"))
    assert str(caught.value).count("f.yaml") == 1
    assert "spec.parameters.rules[0]: unknown 'destinationPrt'" in str(caught.value)


def test_a_file_that_is_no_text_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"\xb5\x00")
    with pytest.raises(errors.ManifestError, match="not UTF-8"):
        manifest.read([path])
