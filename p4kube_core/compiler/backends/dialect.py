"""Where the C of the targets differs, for the code that all of them share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from p4kube_core.compiler.ir import statements as st

if TYPE_CHECKING:
    from p4kube_core.compiler.backends.statements import Writer


class Dialect(Protocol):
    """One target's words for what a program does to its surroundings."""

    @property
    def here(self) -> str:
        """In a parser: the address of the next byte."""

    @property
    def length(self) -> str:
        """The packet's length as it came in."""

    @property
    def payload(self) -> str:
        """Arguments that stand for what follows the parsed headers."""

    @property
    def payload_sum(self) -> str:
        """Name of the function that sums the payload up, given `payload`."""

    @property
    def keeps_all(self) -> bool:
        """Whether every variable is in the per-packet state, and none is local to a function."""

    @property
    def most_turns(self) -> int:
        """A loop ends after so many."""

    @property
    def parsed(self) -> tuple[str, ...]:
        """Statements at the parser's end."""

    def head(self, member: str) -> str:
        """Address of the header whose place is in that member of the state."""

    def index(self, index: str, size: int) -> str:
        """An index into a stack that is below `size`, as a guard before it has made sure."""

    def holds(self, size: str) -> str:
        """In a parser: whether so many bytes are left."""

    def skip(self, size: str) -> str:
        """In a parser: the statement that goes on behind so many bytes, which there are."""

    def extract(self, writer: Writer, of: st.Extract) -> None: ...

    def apply(self, writer: Writer, of: st.ApplyTable) -> None: ...

    def count(self, writer: Writer, of: st.Count) -> None: ...

    def random(self, writer: Writer, of: st.Random) -> None: ...

    def meter(self, writer: Writer, of: st.RunMeter) -> None: ...

    def digest(self, writer: Writer, of: st.SendDigest) -> None: ...

    def register(self, writer: Writer, of: st.ReadRegister | st.WriteRegister) -> None: ...
