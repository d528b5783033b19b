"""Counters, meters, registers, action profiles and digests of a P4Info."""

from __future__ import annotations

from typing import Any

from p4kube_core import protos
from p4kube_core.compiler.frontend import ast, types
from p4kube_core.compiler.frontend.checked import EnumValue, Value
from p4kube_core.compiler.p4info import notes, values
from p4kube_core.compiler.p4info.context import Context
from p4kube_core.compiler.p4info.objects import DigestObject, ExternObject, TableObject
from p4kube_core.compiler.p4info.typespecs import external_name, new_type_name

_PROFILE_NOTES = ("max_group_size", "selector_size_semantics", "max_member_weight")


def announce(context: Context) -> None:
    for found in context.objects.externs:
        kind = _kind(context, found)
        if kind is not None:
            annotations = () if found.in_table else found.annotations
            context.announce(kind, found.name, annotations)
    for i, digest in enumerate(context.objects.digests):
        context.announce(context.kinds.DIGEST, digest_name(digest.type, i), ())


def _kind(context: Context, found: ExternObject) -> int | None:
    """The prefix of its id; None for an extern that the control plane does not see."""
    words, kinds = context.vocabulary, context.kinds
    by_type = {
        words.counter: kinds.COUNTER,
        words.direct_counter: kinds.DIRECT_COUNTER,
        words.meter: kinds.METER,
        words.direct_meter: kinds.DIRECT_METER,
        words.register: kinds.REGISTER,
        words.action_profile: kinds.ACTION_PROFILE,
        words.action_selector: kinds.ACTION_PROFILE,
    }
    if words.digest is not None:
        by_type[words.digest] = kinds.DIGEST
    found_kind = by_type.get(found.type.name)
    assert found_kind is None or isinstance(found_kind, int)
    return found_kind


def add_extern(context: Context, found: ExternObject) -> None:
    """An instance of its own; direct counters and meters come with their tables."""
    words = context.vocabulary
    match found.type.name:
        case words.counter:
            added = context.message.counters.add()
            context.set_preamble(added, context.kinds.COUNTER, found.name, found.annotations)
            _set_counter_unit(context, found, added)
            added.size = _number(context, found, words.counter_size)
            _set_index_type(context, found, added, words.counter_index)
        case words.meter:
            added = context.message.meters.add()
            context.set_preamble(added, context.kinds.METER, found.name, found.annotations)
            _set_meter_unit(context, found, added)
            added.size = _number(context, found, words.meter_size)
            _set_index_type(context, found, added, words.meter_index)
        case words.register:
            added = context.message.registers.add()
            context.set_preamble(added, context.kinds.REGISTER, found.name, found.annotations)
            added.size = _number(context, found, "size")
            context.types.set(added.type_spec, found.scope.type(found.type.arguments[0]))
            _set_index_type(context, found, added, words.register_index)
        case words.action_profile | words.action_selector:
            _add_profile(context, found)
        case words.digest:
            added = context.message.digests.add()
            context.set_preamble(added, context.kinds.DIGEST, found.name, found.annotations)
            context.types.set(added.type_spec, found.scope.type(found.type.arguments[0]))
        case _:
            pass


def _argument(context: Context, found: ExternObject, name: str) -> Value | None:
    try:
        node = found.call.argument(name)
    except KeyError:
        return None
    return None if node is None else values.value_of(context.checked, node, found.scope)


def _number(context: Context, found: ExternObject, name: str) -> int:
    value = _argument(context, found, name)
    if isinstance(value, EnumValue):
        value = context.checked.enum_number(value)
    return value if isinstance(value, int) else 0


def _unit(context: Context, found: ExternObject) -> str:
    value = _argument(context, found, "type")
    return value.member.upper() if isinstance(value, EnumValue) else ""


def _set_counter_unit(context: Context, found: ExternObject, added: Any) -> None:
    spec = protos.p4info.CounterSpec
    units = {"PACKETS": spec.PACKETS, "BYTES": spec.BYTES, "PACKETS_AND_BYTES": spec.BOTH}
    added.spec.unit = units.get(_unit(context, found), spec.UNSPECIFIED)


def _set_meter_unit(context: Context, found: ExternObject, added: Any) -> None:
    spec = protos.p4info.MeterSpec
    units = {"PACKETS": spec.PACKETS, "BYTES": spec.BYTES}
    added.spec.unit = units.get(_unit(context, found), spec.UNSPECIFIED)


def _set_index_type(
    context: Context, found: ExternObject, added: Any, position: int | None
) -> None:
    if position is None or position >= len(found.type.arguments):
        return
    of = found.scope.type(found.type.arguments[position])
    context.types.add(of)
    name = new_type_name(of)
    if name is not None:
        added.index_type_name.name = name


def _add_profile(context: Context, found: ExternObject) -> None:
    added = context.message.action_profiles.add()
    kind = context.kinds.ACTION_PROFILE
    context.set_preamble(added, kind, found.name, found.annotations, but=_PROFILE_NOTES)
    added.with_selector = found.type.name == context.vocabulary.action_selector
    added.size = _number(context, found, "size")
    if added.with_selector:
        _set_group_limits(context, found, added)
    users = [
        table.name
        for table in context.objects.tables
        if _instance(context, table, context.vocabulary.implementation_property) is found
    ]
    added.table_ids.extend(context.ids.of(context.kinds.TABLE, name) for name in sorted(users))


def _set_group_limits(context: Context, found: ExternObject, added: Any) -> None:
    most = notes.number_of(found.annotations, "max_group_size", context.diagnostics)
    if most is not None:
        added.max_group_size = most
    semantics = (notes.text_of(found.annotations, "selector_size_semantics") or "").upper()
    if semantics == "SUM_OF_WEIGHTS":
        added.sum_of_weights.SetInParent()
    elif semantics == "SUM_OF_MEMBERS":
        added.sum_of_members.SetInParent()
        weight = notes.number_of(found.annotations, "max_member_weight", context.diagnostics)
        if weight is not None:
            added.sum_of_members.max_member_weight = weight


def _instance(context: Context, table: TableObject, property_: str) -> ExternObject | None:
    """The extern instance that a table's property names or constructs."""
    node = table.table.properties.get(property_)
    if node is None:
        return None
    found = values.bound(context.checked, node.value, table.scope)
    target: object = found.expression
    if isinstance(found.expression, ast.NameExpression):
        target = context.checked.use(found.expression)
    candidates = [
        extern
        for (node, block), extern in context.objects.by_node.items()
        if node is target and f"{table.block}.".startswith(f"{block}." if block else "")
    ]
    return max(candidates, key=lambda extern: len(extern.name), default=None)


def add_table_properties(context: Context, table: TableObject, added: Any) -> None:
    """The action profile, direct counter and direct meter of a table, and its idle time-out."""
    words = context.vocabulary
    profile = _instance(context, table, words.implementation_property)
    if profile is not None and profile.type.name in (words.action_profile, words.action_selector):
        added.implementation_id = context.ids.of(context.kinds.ACTION_PROFILE, profile.name)
        if profile.in_table:
            _add_profile(context, profile)
    counter = _instance(context, table, words.counters_property)
    if counter is not None and counter.type.name == words.direct_counter:
        direct = context.message.direct_counters.add()
        kind = context.kinds.DIRECT_COUNTER
        id_ = context.set_preamble(direct, kind, counter.name, counter.annotations)
        _set_counter_unit(context, counter, direct)
        direct.direct_table_id = added.preamble.id
        added.direct_resource_ids.append(id_)
    meter = _instance(context, table, words.meters_property)
    if meter is not None and meter.type.name == words.direct_meter:
        direct = context.message.direct_meters.add()
        kind = context.kinds.DIRECT_METER
        id_ = context.set_preamble(direct, kind, meter.name, meter.annotations)
        _set_meter_unit(context, meter, direct)
        direct.direct_table_id = added.preamble.id
        added.direct_resource_ids.append(id_)
    timeout = table.table.properties.get(words.timeout_property)
    if timeout is not None:
        value = values.value_of(context.checked, timeout.value, table.scope)
        if value is True or (isinstance(value, EnumValue) and value.member == "NOTIFY_CONTROL"):
            added.idle_timeout_behavior = protos.p4info.Table.NOTIFY_CONTROL


# --- v1model's digest()


def add_digest_call(context: Context, digest: DigestObject) -> None:
    """The first call with each type of data; the others are the same digest."""
    name = digest_name(digest.type, context.objects.digests.index(digest))
    id_ = context.ids.of(context.kinds.DIGEST, name)
    if any(d.preamble.id == id_ for d in context.message.digests):
        return
    added = context.message.digests.add()
    context.set_preamble(added, context.kinds.DIGEST, name, ())
    context.types.set(added.type_spec, digest.type)


def digest_name(of: types.Type, position: int) -> str:
    """What a digest of such data is called; `position` is that of its call among all of them."""
    if isinstance(of, types.Struct | types.Header | types.Union):
        return external_name(of)
    return f"digest_{position}"
