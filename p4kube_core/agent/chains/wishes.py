"""Functions and attachments, for who wishes them: the agent's own service."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable, Mapping
from typing import Any, final

from p4kube_core.agent.chains import attachment, desire, function
from p4kube_core.agent.chains.function import Excuse, Function
from p4kube_core.agent.chains.held import Held
from p4kube_core.agent.chains.site import Site
from p4kube_core.agent.refusal import (
    ALREADY_EXISTS,
    FAILED_PRECONDITION,
    NOT_FOUND,
    UNAVAILABLE,
    Refusal,
    listed,
)
from p4kube_core.model.attachment import Attachment

log = logging.getLogger(__name__)


@final
class Wishes:
    """What is put is kept before it is acknowledged, and acknowledged when it was tried."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def put_function(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Have a function of this name say what the request says, wherever it is attached.

        Returns:
            `refused`: what data planes have against the programs, by target; if anything, nothing
            was changed. Else whether it is `new` or `changed`, how many `entries` by what was done
            to them, whether the `program` is another; and `problems` of endpoints that it is
            attached to.

        Raises:
            Refusal: it is no function.
        """
        site = self._site
        new = function.read(request)
        old = site.functions.get(new.name)
        if old is not None and old.digest == new.digest:
            return {"refused": {}, "new": False, "changed": False, "problems": []}
        refused = await self._refused(new, old)
        if refused:
            return {"refused": refused, "new": False, "changed": False, "problems": []}
        site.shelves["functions"].put(new.name, request)
        site.functions[new.name] = new
        site.lost.pop(new.name, None)
        log.info("put a function: name=%s targets=%s", new.name, ",".join(new.stores))
        problems = await site.settle(
            {
                id(one): one
                for attachment in site.attachments.values()
                if new.name in attachment.functions
                for one in self._concerned(attachment.name)
            }.values()
        )
        said = {"refused": {}, "new": old is None, "changed": True, "problems": problems}
        return said if old is None else {**said, **_differences(old, new)}

    def remove_function(self, name: str) -> None:
        """Have no such function; fine where there is none.

        Raises:
            Refusal: it is attached.
        """
        site = self._site
        users = [a.name for a in site.attachments.values() if name in a.functions]
        if users:
            raise Refusal(
                FAILED_PRECONDITION,
                f"function {name} is attached by {listed(users)}: want these removed first",
            )
        site.shelves["functions"].remove(name)
        site.lost.pop(name, None)
        if site.functions.pop(name, None) is not None:
            log.info("removed a function: name=%s", name)

    async def put_attachment(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Have these functions stand where the request says.

        Returns:
            Whether it `changed`; its `target`, and `why` that is not the kernel; how many
            `endpoints` there are; and `problems` of these.

        Raises:
            Refusal: it is no attachment, or can stand nowhere.
        """
        site = self._site
        new = attachment.read(request)
        changed = site.attachments.get(new.name) != new
        problems: list[str] = []
        self._check(new)
        if changed:
            site.shelves["attachments"].put(new.name, attachment.to_json(new))
            before = self._concerned(new.name)
            site.attachments[new.name] = new
            log.info("put an attachment: name=%s target=%s", new.name, new.target)
            site.look_at_interfaces()
            problems = await site.settle(
                {id(o): o for o in before + self._concerned(new.name)}.values()
            )
        members = [site.functions[name] for name in new.functions]
        return {
            "changed": changed,
            "target": desire.target_for(members),
            "why": desire.unfit_for_ebpf(members),
            "endpoints": len(self._concerned(new.name)),
            "problems": problems,
        }

    async def remove_attachment(self, name: str) -> dict[str, Any]:
        """Have no such attachment; fine where there is none."""
        site = self._site
        concerned = self._concerned(name)
        site.shelves["attachments"].remove(name)
        if site.attachments.pop(name, None) is not None:
            log.info("removed an attachment: name=%s", name)
        site.look_at_interfaces()
        return {"problems": await site.settle(concerned)}

    def _concerned(self, name: str) -> list[Held]:
        """Endpoints that have, or are to have, what an attachment says."""
        known = self._site.attachments.get(name)
        return [
            one
            for one in self._site.endpoints.values()
            if (known is not None and desire.target_of(one.endpoint) == known.target)
            or (one.chain is not None and one.chain.attachment == name)
        ]

    def _check(self, one: Attachment) -> None:
        """Refuse what could stand nowhere."""
        functions = self._site.known
        where = f"attachment {one.name}"
        for name in one.functions:
            if name not in functions:
                raise Refusal(NOT_FOUND, f"{where}: {_unknown(name, functions)}")
        chain = desire.chain(functions, one)
        if isinstance(chain, Excuse):
            raise Refusal(FAILED_PRECONDITION, f"{where}: {chain.message}")
        for other in self._site.attachments.values():
            if other.target == one.target and other.name != one.name:
                raise Refusal(
                    ALREADY_EXISTS,
                    f"{where}: {one.target} has functions by attachment {other.name}; want all in "
                    "one, in their order",
                )

    async def _refused(self, new: Function, old: Function | None) -> dict[str, str]:
        """What data planes say against programs that they have not had yet."""
        refused = {}
        for target, store in new.stores.items():
            former = old.stores.get(target) if old is not None else None
            digest = store.pipeline.manifest.digest
            if former is not None and former.pipeline.manifest.digest == digest:
                continue
            try:
                await self._site.node.probe(target, store, self._site.next_number())
            except Refusal as e:
                if e.code == UNAVAILABLE:
                    raise
                refused[target] = e.message
        return refused


def _differences(old: Function, new: Function) -> dict[str, Any]:
    digests = (
        {target: store.pipeline.manifest.digest for target, store in one.stores.items()}
        for one in (old, new)
    )
    before, after = digests
    replaced = any(after.get(target, digest) != digest for target, digest in before.items())
    return {"program": replaced, "entries": function.changes(old, new)}


def _unknown(name: str, functions: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, functions, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"no function {name!r}; functions: {listed(functions)}{hint}"
