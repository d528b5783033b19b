"""C identifiers of P4 names."""

from __future__ import annotations

import pytest

from p4kube_core.compiler.backends import names


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("ingress.acl", "ingress_acl"),
        ("int", "int_"),
        ("linux", "linux_"),
        ("NULL", "NULL_"),
        ("p4k_load", "p4k_load_"),
        ("mpls_t[3]", "mpls_t_3"),
        ("4to6", "n4to6"),
        ("_", "unnamed"),
        ("run.it", "run_it_"),
        ("subject3", "subject3_"),
        ("naïve", "na_ve"),
    ],
)
def test_names_are_words_of_c(name: str, wanted: str) -> None:
    assert names.identifier(name) == wanted


def test_two_names_never_become_one() -> None:
    space = names.Names(frozenset({"valid"}))
    assert [space[n] for n in ("a.b", "a_b", "valid", "a.b")] == ["a_b", "a_b_2", "valid_2", "a_b"]
