"""What the builders of a P4Info's parts share: the program, the message being filled, the ids."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from p4kube_core import protos
from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend.checked import Checked
from p4kube_core.compiler.frontend.diagnostics import Diagnostics
from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.p4info import notes
from p4kube_core.compiler.p4info.architectures import Vocabulary
from p4kube_core.compiler.p4info.folding import Constants
from p4kube_core.compiler.p4info.ids import IdError, Ids, member_ids
from p4kube_core.compiler.p4info.objects import Objects
from p4kube_core.compiler.p4info.typespecs import TypeSpecs

CODE: Final = "P4K0360"

Annotations = tuple[ast.Annotation, ...]


@final
@dataclass(frozen=True, slots=True)
class Context:
    checked: Checked
    vocabulary: Vocabulary
    diagnostics: Diagnostics
    objects: Objects
    ids: Ids
    message: Any  # p4.config.v1.P4Info
    types: TypeSpecs
    constants: Constants

    @property
    def kinds(self) -> Any:
        """Prefixes of ids by kind of object."""
        return protos.p4info.P4Ids

    def announce(self, kind: int, name: str, annotations: Annotations) -> None:
        """Tell the ids of an object. An @id that cannot be given is reported and dropped."""
        wanted = notes.wanted_id(annotations, self.diagnostics)
        try:
            self.ids.add(kind, name, wanted)
        except IdError as e:
            note = notes.annotation(annotations, "id")
            assert note is not None
            self.diagnostics.error(CODE, f"{name}: {e}", note.span)
            self.ids.add(kind, name)

    def member_ids(self, declared: Sequence[Annotations], span: Span) -> list[int]:
        """Ids of the members of one object, by the annotations of each."""
        try:
            return member_ids([notes.wanted_id(d, self.diagnostics) for d in declared])
        except IdError as e:
            self.diagnostics.error(CODE, str(e), span)
            return member_ids([None for _ in declared])

    def add_annotations(
        self, message: Any, annotations: Annotations, but: Container[str] = ()
    ) -> None:
        notes.add_annotations(message, annotations, but, self.constants)

    def set_preamble(
        self,
        message: Any,
        kind: int,
        name: str,
        annotations: Annotations,
        but: Container[str] = (),
    ) -> int:
        """Set the preamble of an object that was announced; returns its id."""
        preamble = message.preamble
        preamble.id = self.ids.of(kind, name)
        preamble.name = name
        preamble.alias = self.ids.alias(name)
        self.add_annotations(preamble, annotations, but)
        notes.add_documentation(preamble, annotations)
        found = preamble.id
        assert isinstance(found, int)
        return found
