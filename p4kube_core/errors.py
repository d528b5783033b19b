"""Everything that P4Kube raises on purpose, and what each means to who catches it.

`retry` says whether trying again can help, `reason` is the reason of a Kubernetes condition.
The command line turns a UserError into exit status 1 and all else into 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import ClassVar, final


class Retry(StrEnum):
    NEVER = "never"  # until the input or the wish changes
    WAIT = "wait"  # until the world changes
    LATER = "later"  # in a while; see retry_after_s


class P4KubeError(Exception):
    """The root. Messages: what was wanted, what was found, where; lower case, no full stop."""

    retry: ClassVar[Retry] = Retry.NEVER
    reason: ClassVar[str] = "InternalError"


# --- The input is wrong; only its author can mend it.


class UserError(P4KubeError):
    reason: ClassVar[str] = "InvalidInput"


@final
class AnnotationError(UserError):
    """Says the form wanted and what was there."""

    reason: ClassVar[str] = "InvalidAnnotation"


class ManifestError(UserError):
    """A NetworkFunction, or a function.yaml of the catalogue, that cannot be taken as it is.

    `problems` holds one sentence each, with its place in the file; all that were found.
    """

    reason: ClassVar[str] = "InvalidManifest"

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems: tuple[str, ...] = (
            (problems,) if isinstance(problems, str) else tuple(problems)
        )
        super().__init__("\n".join(self.problems))


@final
class ScriptError(UserError):
    """An STF script that does not parse or asks for what the target lacks; `file:line: ...`."""

    reason: ClassVar[str] = "InvalidScript"


class ProgramError(UserError):
    """The P4 program is wrong. `diagnostics` are in order of place; str() shows them all."""

    reason: ClassVar[str] = "CompileFailed"

    def __init__(self, diagnostics: Iterable[object]) -> None:
        # The compiler's Diagnostic; not named here, since this module imports nothing above it.
        self.diagnostics: tuple[object, ...] = tuple(diagnostics)
        super().__init__("\n".join(str(d) for d in self.diagnostics))


@final
class UnsupportedByTarget(ProgramError):
    """Legal P4 that the target cannot do."""

    reason: ClassVar[str] = "Unsupported"


# --- The world is not ready.


@final
class Unschedulable(P4KubeError):
    """No node fits. `rejected`: why not, by node."""

    retry: ClassVar[Retry] = Retry.WAIT
    reason: ClassVar[str] = "Unschedulable"

    def __init__(self, rejected: Mapping[str, str]) -> None:
        self.rejected = dict(rejected)
        super().__init__("; ".join(f"{node}: {why}" for node, why in self.rejected.items()))


class MachineError(P4KubeError):
    """This machine lacks something: a privilege, DPDK, a built data plane. Says what to do."""

    retry: ClassVar[Retry] = Retry.WAIT
    reason: ClassVar[str] = "MachineUnfit"


class TransientError(P4KubeError):
    """Likely to pass by itself."""

    retry: ClassVar[Retry] = Retry.LATER
    reason: ClassVar[str] = "Transient"

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


@final
class SwitchUnavailable(TransientError):
    """The agent or the data plane does not answer."""

    reason: ClassVar[str] = "SwitchUnavailable"


@final
class NotPrimary(TransientError):
    """Another controller holds the device."""

    reason: ClassVar[str] = "NotPrimary"


@final
class ClusterConflict(TransientError):
    """The API server answered 409."""

    reason: ClassVar[str] = "Conflict"


# --- Refused, or our own fault.


@final
class WriteRejected(P4KubeError):
    """The device refused updates. `failures`: why, by the update's position in the write."""

    reason: ClassVar[str] = "EntriesRejected"

    def __init__(self, failures: Mapping[int, str]) -> None:
        self.failures = dict(failures)
        super().__init__("; ".join(f"update {i}: {why}" for i, why in self.failures.items()))


@final
class InvariantViolated(P4KubeError):
    """A bug of ours: IR that does not verify, a state that cannot be."""

    reason: ClassVar[str] = "InternalError"
