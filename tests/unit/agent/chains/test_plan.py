"""From any chain to any other: the plan gets there, and no packet meets half a chain on the way."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from p4kube_core.agent.chains import desire, plan
from p4kube_core.agent.chains.desire import INSIDE, OUTSIDE, Chain, Part
from p4kube_core.agent.chains.function import Function
from p4kube_core.agent.chains.plan import State
from p4kube_core.model.function import Sides

ENDPOINT = 5
PLACE = desire.Place(ENDPOINT, "veth0", "/run/p4kube/splice")
HOOKS = [desire.hook_name(ENDPOINT, side) for side in (OUTSIDE, INSIDE)]


def functions(edition: int) -> dict[str, Function]:
    """Each edition of a function has another digest; which P4 ports it has differs as well."""
    sides = {"a": Sides(), "b": Sides(2, 1), "c": Sides(0, 510)}
    return {
        name: Function(name, f"{name}{edition}", held, {}, {}, {}) for name, held in sides.items()
    }


@dataclass(frozen=True)
class Wish:
    number: int  # of the chain
    members: tuple[str, ...]
    target: str
    edition: int

    @property
    def state(self) -> State:
        if not self.members:
            return State({})
        chain = Chain("x", self.target, self.members)
        part = desire.part(PLACE, self.number, chain, functions(self.edition))
        return State({self.target: part}, self.target == "dpdk")


members = st.lists(st.sampled_from("abc"), max_size=8).map(tuple)
wishes = st.builds(Wish, st.just(0), members, st.sampled_from(["ebpf", "dpdk"]), st.integers(0, 1))


def numbered(one: Wish, other: Wish) -> tuple[Wish, Wish]:
    """As the site numbers them: a chain of other functions is another one."""
    same = (one.members, one.target) == (other.members, other.target)
    first = Wish(1, one.members, one.target, one.edition)
    return first, Wish(1 if same else 2, other.members, other.target, other.edition)


@dataclass
class Plane:
    """One target's data plane, as far as wires go; refuses what the real ones refuse."""

    devices: dict[int, str] = field(default_factory=dict)
    ports: dict[str, desire.Port] = field(default_factory=dict)
    wires: dict[str, tuple[int, int]] = field(default_factory=dict)
    exits: dict[tuple[int, int], str] = field(default_factory=dict)

    def wire(self, wires: tuple[tuple[str, int, int], ...], check: Check) -> None:
        for name, device, port in wires:
            assert name in self.ports
            assert device in self.devices
            self.exits[device, port] = name
        for name, device, port in wires:
            self.wires[name] = (device, port)
            check()

    def unwire(self, names: tuple[str, ...]) -> None:
        for name in names:
            place = self.wires.pop(name)
            if self.exits.get(place) == name:
                del self.exits[place]

    def remove_port(self, name: str) -> None:
        if name in self.wires:
            self.unwire((name,))
        del self.ports[name]

    def remove_device(self, device: int) -> None:
        del self.devices[device]
        for name in [n for n, place in self.wires.items() if place[0] == device]:
            self.unwire((name,))
        for place in [place for place in self.exits if place[0] == device]:
            del self.exits[place]

    def way(self, hook: str, sides: dict[int, set[int]]) -> list[int]:
        """The devices that a packet which comes in by a hook goes through, to the other hook."""
        gone_through = []
        name = hook
        while True:
            device, port = self.wires[name]
            gone_through.append(device)
            (other,) = sides[device] - {port}
            name = self.exits[device, other]
            if name in HOOKS:
                assert name != hook
                return gone_through
            name = dict(self.ports[name].options)["peer"]

    def part(self) -> Part:
        return Part(dict(self.devices), dict(self.ports), dict(self.wires))


class Check:
    """Called whenever a packet could come."""

    def __init__(self, world: World) -> None:
        self.world = world

    def __call__(self) -> None:
        for plane in self.world.planes.values():
            if all(hook in plane.wires for hook in HOOKS):
                for hook in HOOKS:
                    self.world.ways.append(tuple(plane.way(hook, self.world.sides)))


class World:
    def __init__(self, *wishes: Wish) -> None:
        self.planes = {"ebpf": Plane(), "dpdk": Plane()}
        self.spliced = False
        self.sides: dict[int, set[int]] = {}
        self.ways: list[tuple[int, ...]] = []  # that packets could take
        for wish in wishes:
            for place, name in enumerate(wish.members):
                held = functions(0)[name].sides
                device = desire.instance_id(wish.number, place)
                self.sides[device] = {held.outside, held.inside}

    def go(self, wish: Wish) -> tuple[plan.Step, ...]:
        made = plan.steps(self.state, wish.state)
        for step in made:
            self._take(step, wish)
            Check(self)()
        return made

    def _take(self, step: plan.Step, wish: Wish) -> None:
        match step:
            case plan.AddDevice(target, device):
                assert device not in self.planes[target].devices
                self.planes[target].devices[device] = wish.state.parts[target].devices[device]
            case plan.ChangeDevice(target, device):
                assert device in self.planes[target].devices
                self.planes[target].devices[device] = wish.state.parts[target].devices[device]
            case plan.AddPort(target, name, port):
                assert name not in self.planes[target].ports
                assert target == "ebpf" or port.kind == "patch" or self.spliced
                self.planes[target].ports[name] = port
            case plan.Wire(target, wires):
                self.planes[target].wire(wires, Check(self))
            case plan.Unwire(target, wires):
                for name, *place in wires:
                    assert self.planes[target].wires[name] == tuple(place)
                self.planes[target].unwire(tuple(name for name, _, _ in wires))
            case plan.RemovePort(target, name):
                self.planes[target].remove_port(name)
            case plan.RemoveDevice(target, device):
                assert not any(
                    place[0] == device and name in HOOKS
                    for name, place in self.planes[target].wires.items()
                )
                self.planes[target].remove_device(device)
            case plan.Splice():
                self.spliced = True
            case plan.Unsplice():
                assert not any(hook in self.planes["dpdk"].ports for hook in HOOKS)
                self.spliced = False

    @property
    def state(self) -> State:
        return State({name: plane.part() for name, plane in self.planes.items()}, self.spliced)


def held(state: State) -> object:
    return {t: p for t, p in state.parts.items() if p != desire.NOTHING}, state.spliced


@given(wishes, wishes)
def test_the_plan_reaches_the_wish_and_is_then_empty(one: Wish, other: Wish) -> None:
    first, second = numbered(one, other)
    world = World(first, second)
    world.go(first)
    assert held(world.state) == held(first.state)
    world.go(second)
    assert held(world.state) == held(second.state)
    assert world.go(second) == ()


@given(wishes, wishes)
def test_every_packet_goes_through_all_of_one_chain(one: Wish, other: Wish) -> None:
    first, second = numbered(one, other)
    world = World(first, second)
    world.go(first)
    world.go(second)
    whole = set()
    for wish in (first, second):
        devices = tuple(desire.instance_id(wish.number, n) for n in range(len(wish.members)))
        whole |= {devices, devices[::-1]}
    assert set(world.ways) <= whole
    if second.members:
        assert world.ways[-2:]


@given(wishes)
def test_taking_a_chain_away_leaves_nothing(one: Wish) -> None:
    world = World(one)
    world.go(one)
    world.go(Wish(2, (), "ebpf", 0))
    assert held(world.state) == ({}, False)


@given(wishes, wishes, st.integers(0, 40))
def test_a_plan_that_was_cut_short_is_taken_up_again(one: Wish, other: Wish, after: int) -> None:
    first, second = numbered(one, other)
    world = World(first, second)
    world.go(first)
    for step in plan.steps(world.state, second.state)[:after]:
        world._take(step, second)
    world.go(second)
    assert held(world.state) == held(second.state)


def test_a_live_chain_changes_hands_in_one_step() -> None:
    first, second = Wish(1, ("a",), "ebpf", 0), Wish(2, ("a", "b"), "ebpf", 0)
    made = plan.steps(first.state, second.state)
    names = [type(step).__name__ for step in made]
    assert names == ["AddDevice"] * 2 + ["AddPort"] * 2 + ["Wire"] + ["RemoveDevice"]
    (wire,) = [step for step in made if isinstance(step, plan.Wire)]
    assert [name for name, _, _ in wire.wires][-2:] == ["e5.outside", "e5.inside"]


def test_another_edition_of_a_function_changes_its_devices_alone() -> None:
    first, second = Wish(1, ("a", "b", "a"), "ebpf", 0), Wish(1, ("a", "b", "a"), "ebpf", 1)
    made = plan.steps(first.state, second.state)
    assert made == tuple(
        plan.ChangeDevice("ebpf", desire.instance_id(1, place)) for place in range(3)
    )
