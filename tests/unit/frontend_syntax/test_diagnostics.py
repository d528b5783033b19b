"""Findings are kept once, shown in order of place, and raised together."""

from __future__ import annotations

import pytest

from p4kube_core import errors
from p4kube_core.compiler.frontend import diagnostics
from p4kube_core.compiler.frontend.source import LineMarker, Source, Span

SOURCE = Source("a.p4", "first line\n\tsecond line\nthird")


def test_rendering_shows_line_caret_and_hint() -> None:
    found = diagnostics.Diagnostics()
    found.error("P4K0301", "no 'secnod' here", Span(SOURCE, 12, 18), "did you mean 'second'?")
    assert found.render() == (
        "a.p4:2:2: error[P4K0301]: no 'secnod' here\n"
        "  \tsecond line\n"
        "  \t^^^^^^\n"
        "  hint: did you mean 'second'?"
    )


def test_in_order_of_place_and_each_once() -> None:
    found = diagnostics.Diagnostics()
    for start in (20, 3, 20):
        found.error("P4K0301", "wrong", Span(SOURCE, start, start + 1))
    found.warn("P4K0302", "odd", None)
    assert [d.headline for d in found.sorted()] == [
        "a.p4:1:4: error[P4K0301]: wrong",
        "a.p4:2:10: error[P4K0301]: wrong",
        "warning[P4K0302]: odd",
    ]
    with pytest.raises(errors.ProgramError) as caught:
        found.raise_if_any()
    assert len(caught.value.diagnostics) == 3


def test_warnings_alone_do_not_raise() -> None:
    found = diagnostics.Diagnostics()
    found.warn("P4K0302", "odd", None)
    found.raise_if_any()


def test_no_more_than_a_reader_can_bear() -> None:
    found = diagnostics.Diagnostics()
    source = Source("b.p4", "x" * 1000)
    for i in range(1000):
        found.error("P4K0301", "wrong", Span(source, i, i + 1))
    assert len(found.found) == diagnostics.MAX_ERRORS
    assert found.error_count == 1000


@pytest.mark.parametrize(
    ("word", "nearest"),
    [("egres_port", "egress_port"), ("HDR", "hdr"), ("zzz", None), ("hdr", None)],
)
def test_nearest_name(word: str, nearest: str | None) -> None:
    assert diagnostics.nearest(word, ["egress_port", "hdr", "meta"]) == nearest


def test_line_markers_move_the_place() -> None:
    source = Source("c.p4", "a\nb\nc\n")
    source.markers.append(LineMarker(2, 40, "real.p4"))
    assert [str(Span(source, i, i + 1)) for i in (0, 2, 4)] == [
        "c.p4:1:1", "real.p4:40:1", "real.p4:41:1",
    ]  # fmt: skip


def test_of_a_long_line_the_part_around_the_place_is_shown() -> None:
    source = Source("d.p4", "a" * 1000 + "HERE" + "b" * 1000)
    found = diagnostics.Diagnostics()
    found.error("P4K0301", "wrong", Span(source, 1000, 1004))
    _, line, caret = found.render().split("\n")
    assert len(line) == diagnostics.MAX_SHOWN + 2
    assert line[caret.index("^") : caret.rindex("^") + 1] == "HERE"
