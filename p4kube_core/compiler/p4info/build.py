"""Builds the P4Info of a checked program, equal to p4c's for the same program.

Source: P4Runtime specification 1.5.0, "P4Info".
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from p4kube_core import protos
from p4kube_core.compiler.frontend import ast, types
from p4kube_core.compiler.frontend.checked import Checked
from p4kube_core.compiler.frontend.diagnostics import Diagnostics
from p4kube_core.compiler.p4info import (
    architectures,
    externs,
    finder,
    folding,
    notes,
    objects,
    tables,
    values,
)
from p4kube_core.compiler.p4info.context import CODE, Context
from p4kube_core.compiler.p4info.ids import Ids
from p4kube_core.compiler.p4info.typespecs import (
    TypeSpecs,
    flattened,
    new_type_name,
    underlying,
    width_of,
)

_KINDS: Final = (
    "tables",
    "action_profiles",
    "counters",
    "direct_counters",
    "meters",
    "direct_meters",
    "registers",
    "digests",
    "value_sets",
    "controller_packet_metadata",
)
_PKG_INFO: Final = ("name", "version", "organization", "contact", "url", "arch")


def build(checked: Checked, architecture: str, diagnostics: Diagnostics) -> Any:
    """The P4Info of a program without errors.

    Args:
        architecture: v1model, psa or pna.
    Returns:
        A p4.config.v1.P4Info; what could not be described is in the diagnostics.
    """
    message = protos.p4info.P4Info()
    found = finder.find(checked)
    context = Context(
        checked=checked,
        vocabulary=architectures.OF[architecture],
        diagnostics=diagnostics,
        objects=found,
        ids=Ids(),
        message=message,
        types=TypeSpecs(checked, message.type_info),
        constants=folding.constants_of(checked),
    )
    _announce(context)
    context.ids.settle()
    for digest in found.digests:
        externs.add_digest_call(context, digest)
    for action in found.actions:
        tables.add_action(context, action)
    for item in found.sequence:
        match item:
            case objects.TableObject():
                tables.add_table(context, item)
            case objects.ExternObject():
                externs.add_extern(context, item)
    for value_set in found.value_sets:
        _add_value_set(context, value_set)
    for node in checked.program.declarations:
        if isinstance(node, ast.HeaderDeclaration) and _controller_header(node):
            _add_controller_header(context, node)
    _add_package(context, architecture)
    if _touches_types(context):
        message.type_info.SetInParent()
    _check_names(context)
    return message


def _check_names(context: Context) -> None:
    """Refuse two objects of one kind with one name: a controller could not tell them apart."""
    for kind in _KINDS:
        names = [item.preamble.name for item in getattr(context.message, kind)]
        for name, count in Counter(names).items():
            if count > 1:
                message = f"{count} {kind.replace('_', ' ')} have the control-plane name {name!r}"
                context.diagnostics.error(CODE, message, None, "@name gives one of them another")


def _touches_types(context: Context) -> bool:
    """Would p4c write a type_info, be it an empty one?"""
    found = context.objects
    return bool(
        context.message.tables
        or found.externs
        or context.message.controller_packet_metadata
        or any(action.params for action in context.message.actions)
        or (found.calls_extern_function and context.vocabulary.digest is None)
    )


def _announce(context: Context) -> None:
    """Tell the ids of all names; all must be known before one can be given."""
    for action in context.objects.actions:
        if not notes.is_hidden(action.declaration.annotations):
            context.announce(context.kinds.ACTION, action.name, action.declaration.annotations)
    for table in context.objects.tables:
        if not notes.is_hidden(table.table.declaration.annotations):
            declared = table.table.declaration.annotations
            context.announce(context.kinds.TABLE, table.name, declared)
    externs.announce(context)
    for value_set in context.objects.value_sets:
        declared = value_set.declaration.annotations
        context.announce(context.kinds.VALUE_SET, value_set.name, declared)
    for node in context.checked.program.declarations:
        if isinstance(node, ast.HeaderDeclaration) and _controller_header(node):
            name = notes.external_name(node.name, node.annotations).removeprefix(".")
            context.announce(context.kinds.CONTROLLER_HEADER, name, node.annotations)


def _controller_header(node: ast.HeaderDeclaration) -> str | None:
    return notes.text_of(node.annotations, "controller_header")


def _add_controller_header(context: Context, node: ast.HeaderDeclaration) -> None:
    of = context.checked.declared_type(node)
    if not isinstance(of, types.Header):
        return
    name = notes.external_name(node.name, node.annotations).removeprefix(".")
    header = context.message.controller_packet_metadata.add()
    header.preamble.id = context.ids.of(context.kinds.CONTROLLER_HEADER, name)
    header.preamble.name = header.preamble.alias = _controller_header(node)
    context.add_annotations(header.preamble, node.annotations)
    notes.add_documentation(header.preamble, node.annotations)
    fields = flattened(of)
    declared = [f.declaration.annotations if f.declaration else () for _, f in fields]
    for (field_name, field), given, id_ in zip(
        fields, declared, context.member_ids(declared, node.name_span), strict=True
    ):
        if notes.is_hidden(given):
            continue
        metadata = header.metadata.add(id=id_, name=field_name, bitwidth=width_of(field.type))
        context.add_annotations(metadata, given)
        context.types.add(field.type)
        type_name = new_type_name(field.type)
        if type_name is not None:
            metadata.type_name.name = type_name


def _add_value_set(context: Context, found: objects.ValueSetObject) -> None:
    node = found.declaration
    added = context.message.value_sets.add()
    context.set_preamble(added, context.kinds.VALUE_SET, found.name, node.annotations)
    size = values.value_of(context.checked, node.size, found.scope)
    if isinstance(size, int):
        added.size = size
    element = found.scope.type(context.checked.resolved_type(node.element))
    exact = protos.p4info.MatchField.EXACT
    match underlying(element):
        case types.Struct(fields=fields):
            declared = [f.declaration.annotations if f.declaration else () for f in fields]
            for field, given, id_ in zip(
                fields, declared, context.member_ids(declared, node.span), strict=True
            ):
                name = notes.external_name(field.name, given)
                match_field = added.match.add(id=id_, name=name, bitwidth=width_of(field.type))
                note = notes.annotation(given, "match")
                kind = note.tokens[0].text if note is not None and note.tokens else "exact"
                tables.set_match_type(match_field, kind)
                context.add_annotations(match_field, given, but=("match",))
                notes.add_documentation(match_field, given)
        case types.SerialEnum(underlying=inner, members=members):
            for i, member in enumerate(members, 1):
                added.match.add(id=i, name=member, bitwidth=inner.width, match_type=exact)
        case types.Tuple(elements=elements):
            for i, part in enumerate(elements, 1):
                added.match.add(id=i, bitwidth=width_of(part), match_type=exact)
        case inner:
            added.match.add(id=1, bitwidth=width_of(inner), match_type=exact)


def _add_package(context: Context, architecture: str) -> None:
    main = context.checked.main
    if main is None:
        return
    info = context.message.pkg_info
    info.arch = architecture
    for note in main.annotations:
        if note.name == "pkginfo":
            for pair in note.pairs:
                if pair.name in _PKG_INFO and isinstance(pair.value, ast.StringLiteral):
                    setattr(info, pair.name, pair.value.value)
        if note.name == "platform_property":
            properties = info.platform_properties
            for pair in note.pairs:
                if pair.name in properties.DESCRIPTOR.fields_by_name and isinstance(
                    pair.value, ast.IntegerLiteral
                ):
                    setattr(properties, pair.name, pair.value.value)
    kept = [n for n in main.annotations if n.name not in ("pkginfo", "platform_property")]
    context.add_annotations(info, tuple(kept))
    notes.add_documentation(info, main.annotations)
