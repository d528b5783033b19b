"""Functions that are attached: compiled for the kernel, or where it cannot take them for dpdk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

from p4kube_core import errors
from p4kube_core.agent import client
from p4kube_core.agent.chains import attachment as form
from p4kube_core.cli.play import words
from p4kube_core.cli.play.compiled import Compiled, compiled
from p4kube_core.model.attachment import Attachment, InterfaceTarget
from p4kube_core.model.function import NetworkFunction, Sides

Known = Mapping[str, Iterable[str]]
"""The targets of functions that the agent holds already, by name."""


@final
@dataclass(slots=True)
class Attached:
    """A function with a program for each target that it is to have."""

    function: NetworkFunction
    given: str | None  # the one target that it is to have, where somebody says so
    programs: dict[str, Compiled] = field(default_factory=dict)
    unfit: dict[str, dict[str, str]] = field(default_factory=dict)  # reason and message, by target

    @property
    def any(self) -> Compiled:
        return next(iter(self.programs.values()))

    def compile(self) -> None:
        """Compile it for the target that is best for a pod's wire.

        Raises:
            errors.ProgramError: no target can have it.
        """
        try:
            self.add(self.given or "ebpf")
        except errors.UnsupportedByTarget as e:
            if self.given is not None:
                raise
            self.fall_back(e.reason, str(e.diagnostics[0]))

    def fall_back(self, reason: str, message: str) -> None:
        """Have it for target dpdk in the place of ebpf."""
        self.programs.pop("ebpf", None)
        self.unfit["ebpf"] = {"reason": reason, "message": message}
        self.add("dpdk")

    def add(self, target: str) -> None:
        if target not in self.programs:
            self.programs[target] = compiled(self.function, target)

    def request(self) -> dict[str, Any]:
        """What PutFunction is told."""
        sides = self.function.sides or Sides()
        return {
            "name": self.function.name,
            "outside": sides.outside,
            "inside": sides.inside,
            "configs": {target: one.config() for target, one in self.programs.items()},
            "updates": self.any.updates(),
            "unfit": self.unfit,
        }


def resolve(
    functions: Sequence[NetworkFunction],
    attachments: Sequence[Attachment],
    known: Known,
    given: str | None,
) -> list[Attached]:
    """Compile functions for the targets that their chains want.

    Args:
        given: the target that the command line says.

    Raises:
        errors.P4KubeError: a program is wrong, has no place for what it is to hold, or is wanted
            on a target that cannot be where it is attached.
    """
    made = [Attached(function, given or function.target) for function in functions]
    _refuse_dpdk_on_interfaces(made, attachments)
    for one in made:
        one.compile()
    level(made, attachments, known)
    return made


def _refuse_dpdk_on_interfaces(made: Sequence[Attached], attachments: Sequence[Attachment]) -> None:
    alone = {one.function.name for one in made if one.given == "dpdk"}
    wrong = [
        f"{attachment.place}: spec.target: {attachment.target} takes functions of target ebpf, but "
        f"{name} is wanted on target dpdk, which stands at a pod or between ports"
        for attachment in attachments
        for name in attachment.functions
        if name in alone and isinstance(attachment.target, InterfaceTarget)
    ]
    if wrong:
        raise errors.ManifestError(wrong)


def level(made: Sequence[Attached], attachments: Sequence[Attachment], known: Known) -> None:
    """Where one function of a chain is not for ebpf, have the others for dpdk, too."""
    by_name = {one.function.name: one for one in made}
    for attachment in attachments:
        targets = [
            set(by_name[name].programs) if name in by_name else set(known.get(name, ()))
            for name in attachment.functions
        ]
        if all("ebpf" in held for held in targets):
            continue
        for name in attachment.functions:
            if name in by_name and by_name[name].given is None:
                by_name[name].add("dpdk")


def play(
    agent: client.AgentClient,
    made: Sequence[Attached],
    attachments: Sequence[Attachment],
    known: Known,
) -> None:
    """Have these functions and attachments, and say so."""
    answers: dict[str, Mapping[str, Any]] = {}
    waiting = list(made)
    while waiting:
        one = waiting.pop(0)
        said = agent.put_function(one.request())
        if said["refused"]:
            _take_refusal(one, said["refused"])
            level(made, attachments, known)
            waiting = list(made)  # others may have got another program by that
        elif said["changed"] or one.function.name not in answers:
            answers.setdefault(one.function.name, said)
    for one in made:
        _tell_function(one, answers[one.function.name])
    for attachment in attachments:
        _tell_attachment(attachment, agent.put_attachment(form.to_json(attachment)))


def problems(status: Mapping[str, Any], made: Sequence[Attached]) -> list[str]:
    """What is in the way where these functions are attached, one sentence each."""
    names = {one.function.name for one in made}
    return [
        f"{attachment['name']}: {endpoint['name']}: {endpoint['problem']['message']}"
        for attachment in status["attachments"]
        if names & set(attachment["functions"])
        for endpoint in attachment["endpoints"]
        if endpoint["problem"] is not None
    ]


def _take_refusal(one: Attached, refused: Mapping[str, str]) -> None:
    """Have it elsewhere, if it was the kernel that refused, and elsewhere is allowed."""
    why = refused.get("ebpf")
    if why is None or one.given is not None or len(refused) > 1:
        raise errors.UserError(f"{one.function.place}: {'; '.join(refused.values())}")
    one.fall_back("RefusedByKernel", why)


def _tell_function(one: Attached, said: Mapping[str, Any]) -> None:
    name = one.function.name
    if said["new"]:
        targets = " and ".join(one.programs)
        count = words.count(one.any.entries, "entry")
        print(f"{name}: held for attachments on target {targets}, {count}", flush=True)
        return
    program = "program replaced, " if said.get("program") else ""
    print(f"{name}: {program}{words.changes(said.get('entries', {}))}", flush=True)


def _tell_attachment(attachment: Attachment, said: Mapping[str, Any]) -> None:
    where = f"{', '.join(attachment.functions)} at {attachment.target}"
    if not said["changed"]:
        print(f"{attachment.name}: unchanged", flush=True)
        return
    there = "" if said["endpoints"] else ", which is not there yet"
    print(f"{attachment.name}: {where}{there}, on target {said['target']}", flush=True)
    if said["why"] and said["target"] == "dpdk":
        print(f"{attachment.name}: {said['why']}", flush=True)
