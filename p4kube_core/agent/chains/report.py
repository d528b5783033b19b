"""What is attached and how that goes, as JSON for people; conditions as Kubernetes has them."""

from __future__ import annotations

from typing import Any

from p4kube_core.agent.chains import attachment as form
from p4kube_core.agent.chains import desire
from p4kube_core.agent.chains.function import Excuse
from p4kube_core.agent.chains.held import Held
from p4kube_core.agent.chains.site import Site
from p4kube_core.model.attachment import Attachment, PodTarget


def functions(site: Site) -> list[dict[str, Any]]:
    """Each with its targets, and why it has not the others; or why it cannot be read."""
    return [_function(site, name) for name in sorted(site.known)]


def attachments(site: Site) -> list[dict[str, Any]]:
    """Each with its conditions and endpoints."""
    return [_attachment(site, one) for _, one in sorted(site.attachments.items())]


def endpoints(site: Site) -> list[dict[str, Any]]:
    """All, those without functions too."""
    return [_endpoint(one) for one in site.endpoints.values()]


def _function(site: Site, name: str) -> dict[str, Any]:
    one = site.known[name]
    users = sorted(a.name for a in site.attachments.values() if name in a.functions)
    if isinstance(one, Excuse):
        return {
            "name": name,
            "digest": None,
            "program": None,
            "targets": [],
            "unfit": {},
            "entries": 0,
            "attachments": users,
            "problem": one.to_json(),
        }
    store = next(iter(one.stores.values()))
    return {
        "name": name,
        "digest": one.digest,
        "program": store.pipeline.manifest.name,
        "targets": list(one.stores),
        "unfit": {target: excuse.to_json() for target, excuse in one.unfit.items()},
        "entries": store.entry_count,
        "attachments": users,
        "problem": None,
    }


def _attachment(site: Site, one: Attachment) -> dict[str, Any]:
    mine = [
        held
        for held in site.endpoints.values()
        if desire.target_of(held.endpoint) == one.target and not held.going
    ]
    chain = desire.chain(site.known, one)
    return {
        **form.to_json(one),
        "on": None if isinstance(chain, Excuse) else chain.target,
        "conditions": _conditions(site, one, mine),
        "endpoints": [_endpoint(held) for held in mine],
    }


def _conditions(site: Site, one: Attachment, mine: list[Held]) -> list[dict[str, str]]:
    accepted = _accepted(site, one)
    troubled = next((held for held in mine if held.excuse is not None), None)
    if not mine:
        what = "pod" if isinstance(one.target, PodTarget) else "interface"
        ready = _condition("Ready", False, "NoEndpoint", f"no such {what} is on this node yet")
        return [accepted, ready]
    if troubled is not None and troubled.excuse is not None:
        excuse = troubled.excuse
        message = f"{troubled.name}: {excuse.message}"
        programmed = _condition("Programmed", False, excuse.reason, message)
        ready = _condition("Ready", False, excuse.reason, message)
    elif all(held.settled for held in mine):
        programmed = _condition("Programmed", True, "Programmed", "all entries are there")
        ready = _condition("Ready", True, "Forwarding", f"on {_count(len(mine))}")
    else:
        programmed = _condition("Programmed", False, "Progressing", "it is being put there")
        ready = _condition("Ready", False, "Progressing", "it is being put there")
    return [accepted, programmed, ready]


def _accepted(site: Site, one: Attachment) -> dict[str, str]:
    chain = desire.chain(site.known, one)
    if isinstance(chain, Excuse):
        return _condition("Accepted", False, chain.reason, chain.message)
    why = desire.unfit_for_ebpf([site.functions[name] for name in one.functions])
    since = f", since {why}" if why and chain.target == "dpdk" else ""
    return _condition("Accepted", True, "Accepted", f"on target {chain.target}{since}")


def _condition(kind: str, holds: bool, reason: str, message: str) -> dict[str, str]:
    return {"type": kind, "status": str(holds), "reason": reason, "message": message}


def _endpoint(held: Held) -> dict[str, Any]:
    endpoint, chain = held.endpoint, held.chain
    return {
        "name": held.name,
        "container": endpoint.container_id or None,
        "host_interface": endpoint.host_interface,
        "network": endpoint.network or None,
        "attachment": chain.attachment if chain else None,
        "target": chain.target if chain else None,
        "spliced": held.is_spliced,
        "devices": [
            {"device_id": desire.instance_id(held.chain_number, member), "function": name}
            for member, name in enumerate(chain.functions if chain else ())
        ],
        "took_ms": {phase: round(value, 3) for phase, value in held.took_ms.items()},
        "settled": held.settled,
        "problem": held.excuse.to_json() if held.excuse else None,
    }


def _count(number: int) -> str:
    return "1 interface" if number == 1 else f"{number} interfaces"
