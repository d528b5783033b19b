"""The wish that functions stand on an interface: of a pod, or of this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True)
class PodTarget:
    """An interface of a pod. There may be several such pods in a row, and one at a time."""

    namespace: str
    name: str
    interface: str  # in the pod

    def __str__(self) -> str:
        return f"pod {self.namespace}/{self.name}, {self.interface}"


@final
@dataclass(frozen=True, slots=True)
class InterfaceTarget:
    """An interface of this machine; its workload is at the other end."""

    name: str

    def __str__(self) -> str:
        return f"interface {self.name}"


Target = PodTarget | InterfaceTarget


@final
@dataclass(frozen=True, slots=True)
class Attachment:
    """A chain of functions by their names, the first nearest the outside."""

    name: str
    target: Target
    functions: tuple[str, ...]
    place: str = ""  # where it was written, for messages
