"""What the lowering refuses, and the codes that it says so with."""

from __future__ import annotations

from typing import Final, final

from p4kube_core.compiler.frontend.source import Span

NOT_YET: Final = "P4K0401"  # legal P4 that the compiler does not take yet
TOO_LARGE: Final = "P4K0402"  # more statements than a program may have once all is inlined
NO_MAIN: Final = "P4K0403"  # no package `main`
UNKNOWN_ARCHITECTURE: Final = "P4K0404"  # `main` is of a package that no back end knows
NOT_KNOWN: Final = "P4K0405"  # a value that must be known when the program is compiled
SHARED: Final = "P4K0406"  # something that only one table may have
MISPLACED: Final = "P4K0407"  # a direct meter that runs where no entry of its table was found
EXTERN_NOT_YET: Final = "P4K0501"  # an extern of the architecture that is not taken yet
ALGORITHM_NOT_YET: Final = "P4K0502"  # a hash algorithm that is not taken yet


@final
class Refused(Exception):
    """One construct that cannot be lowered; becomes a diagnostic at the statement around it."""

    def __init__(self, code: str, message: str, span: Span, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.span = span
        self.hint = hint


def consequence(span: Span) -> Refused:
    """What follows from another refusal, which was reported: it is not."""
    return Refused("", "", span)


def not_yet(what: str, span: Span, code: str = NOT_YET) -> Refused:
    return Refused(code, f"not supported yet: {what}", span)
