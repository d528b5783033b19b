"""Endpoints of pods, for who adds and removes pods: the CNI server."""

from __future__ import annotations

import asyncio
from typing import final

from p4kube_core.agent.chains import desire
from p4kube_core.agent.chains.function import Excuse
from p4kube_core.agent.chains.site import Site
from p4kube_core.agent.endpoint import Endpoint
from p4kube_core.agent.refusal import FAILED_PRECONDITION, NOT_FOUND, UNAVAILABLE, Refusal, listed


@final
class Pods:
    """Implements endpoint.Endpoints."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def add(self, endpoint: Endpoint) -> None:
        site = self._site
        one = site.endpoints.get((endpoint.container_id, endpoint.interface))
        if one is not None and (one.endpoint != endpoint or one.going):
            await site.take_away(one)
            one = None
        if one is None:
            one = await site.new(endpoint)
        try:
            await asyncio.shield(site.start(site.settle_one(one)))
        except asyncio.CancelledError:
            site.leave(one)  # nobody waits for what becomes of it
            raise
        except Refusal:
            await site.take_away(one)
            raise

    async def remove(self, container_id: str, interface: str) -> None:
        one = self._site.endpoints.get((container_id, interface))
        if one is not None:
            await self._site.take_away(one)

    async def check(self, endpoint: Endpoint) -> None:
        one = self._site.endpoints.get((endpoint.container_id, endpoint.interface))
        if one is None or one.going:
            raise Refusal(NOT_FOUND, "want an endpoint that was added, found none")
        chain = self._site.wanted(one)
        excuse = chain if isinstance(chain, Excuse) else one.excuse
        if excuse is not None:
            raise Refusal(FAILED_PRECONDITION, excuse.message)
        wanted, found = one.endpoint.host_interface, endpoint.host_interface
        if one.splice is None and wanted != found:
            raise Refusal(
                FAILED_PRECONDITION,
                f"want {wanted} at the other end of {endpoint.interface}, found {found or 'none'}",
            )
        missing = await self._site.realiser.missing(one, self._site.desired(one))
        if missing:
            raise Refusal(FAILED_PRECONDITION, f"not on the data plane any more: {listed(missing)}")

    async def keep_only(self, network: str, valid: frozenset[tuple[str, str]]) -> None:
        for key, one in list(self._site.endpoints.items()):
            endpoint = one.endpoint
            if endpoint.container_id and endpoint.network == network and key not in valid:
                await self._site.take_away(one)

    async def ready(self) -> None:
        keepers, site = self._site.node.keepers, self._site
        for target in sorted(site.targets()):
            if (trouble := keepers[target].trouble) is not None:
                raise Refusal(UNAVAILABLE, trouble)
        for one in site.attachments.values():
            chain = desire.chain(site.known, one)
            trouble = chain.message if isinstance(chain, Excuse) else keepers[chain.target].trouble
            if trouble is not None:
                raise Refusal(FAILED_PRECONDITION, trouble)
