"""P4 types as P4Info describes them; those with names are described once, in `type_info`.

Source: P4Runtime specification 1.5.0, "Representation of Arbitrary P4 Types".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

from p4kube_core.compiler.frontend import ast, types
from p4kube_core.compiler.frontend.checked import Checked
from p4kube_core.compiler.p4info import notes


@final
@dataclass(frozen=True, slots=True)
class Translation:
    """@p4runtime_translation: the type that controllers see. `width` None: a string."""

    uri: str
    width: int | None


def translation_of(type_: types.Type) -> Translation | None:
    if not isinstance(type_, types.NewType) or type_.declaration is None:
        return None
    note = notes.annotation(type_.declaration.annotations, "p4runtime_translation")
    if note is None or not note.tokens:
        return None
    texts = [t.text for t in note.tokens]
    uri = texts[0].strip('"')
    if "string" in texts:
        return Translation(uri, None)
    # `32` or `bit<32>`
    width = next((int(t, 0) for t in texts[1:] if t[0].isdigit()), 0)
    return Translation(uri, width)


def underlying(type_: types.Type) -> types.Type:
    while isinstance(type_, types.NewType):
        type_ = type_.underlying
    return type_


def width_of(type_: types.Type) -> int:
    """Bits of a value as controllers write it; 0 for what has no fixed width."""
    translation = translation_of(type_)
    if translation is not None:
        return translation.width or 0
    match underlying(type_):
        case types.Bit(width) | types.Int(width) | types.Varbit(width):
            return width
        case types.SerialEnum(underlying=inner):
            return inner.width
        case types.Basic.BOOL:
            return 1
        case _:
            return 0


def new_type_name(type_: types.Type) -> str | None:
    """The name for `type_name` fields, which only new types have."""
    return type_.name if isinstance(type_, types.NewType) else None


def external_name(type_: Any) -> str:
    declaration = type_.declaration
    given = notes.text_of(declaration.annotations if declaration else (), "name")
    if given is not None:
        return given.removeprefix(".")
    return "_".join([type_.name, *map(_mangled, getattr(type_, "arguments", ()))])


def _mangled(argument: types.Type) -> str:
    """A type argument within the name that p4c gives a specialised type."""
    text = str(argument)
    return "".join(c for c in text if c.isalnum() or c == "_")


@final
class TypeSpecs:
    """Fills a P4TypeInfo with the types that are asked for, and what they are made of."""

    def __init__(self, checked: Checked, type_info: Any) -> None:
        self._checked = checked
        self._info = type_info

    def set(self, spec: Any, type_: types.Type) -> None:
        """Describe a type in a P4DataTypeSpec."""
        match type_:
            case types.Bit() | types.Int() | types.Varbit():
                self._set_bitstring(spec.bitstring, type_)
            case types.Basic.BOOL:
                spec.bool.SetInParent()
            case types.Basic.ERROR:
                spec.error.SetInParent()
                self._add_errors()
            case types.Tuple(elements) | types.Sequence(elements):
                spec.tuple.SetInParent()
                for element in elements:
                    self.set(spec.tuple.members.add(), element)
            case types.Stack(element=types.Header() as header, size=size):
                spec.header_stack.header.name = external_name(header)
                spec.header_stack.size = size
                self.add(header)
            case types.Stack(element=types.Union() as union, size=size):
                spec.header_union_stack.header_union.name = external_name(union)
                spec.header_union_stack.size = size
                self.add(union)
            case types.Struct():
                spec.struct.name = external_name(type_)
                self.add(type_)
            case types.Header():
                spec.header.name = external_name(type_)
                self.add(type_)
            case types.Union():
                spec.header_union.name = external_name(type_)
                self.add(type_)
            case types.Enum():
                spec.enum.name = external_name(type_)
                self.add(type_)
            case types.SerialEnum():
                spec.serializable_enum.name = external_name(type_)
                self.add(type_)
            case types.NewType():
                spec.new_type.name = external_name(type_)
                self.add(type_)
            case _:
                pass  # has no form in P4Runtime

    def _set_bitstring(self, spec: Any, type_: types.Bit | types.Int | types.Varbit) -> None:
        match type_:
            case types.Bit(width):
                spec.bit.bitwidth = width
            case types.Int(width):
                spec.int.bitwidth = width
            case types.Varbit(width):
                spec.varbit.max_bitwidth = width

    def add(self, type_: types.Type) -> None:
        """See that a type that has a name is in the type info."""
        match type_:
            case types.Struct():
                if external_name(type_) not in self._info.structs:
                    self._add_struct(type_)
            case types.Header():
                if external_name(type_) not in self._info.headers:
                    self._add_header(type_)
            case types.Union():
                if external_name(type_) not in self._info.header_unions:
                    self._add_union(type_)
            case types.Enum():
                if external_name(type_) not in self._info.enums:
                    self._add_enum(type_)
            case types.SerialEnum():
                if external_name(type_) not in self._info.serializable_enums:
                    self._add_serializable_enum(type_)
            case types.NewType():
                if external_name(type_) not in self._info.new_types:
                    self._add_new_type(type_)
            case types.Basic.ERROR:
                self._add_errors()
            case _:
                pass

    def _add_struct(self, type_: types.Struct) -> None:
        added = self._info.structs[external_name(type_)]
        added.SetInParent()
        for field in type_.fields:
            member = added.members.add(name=_field_name(field))
            self.set(member.type_spec, field.type)

    def _add_header(self, type_: types.Header) -> None:
        added = self._info.headers[external_name(type_)]
        added.SetInParent()
        for name, field in flattened(type_):
            member = added.members.add(name=name)
            self._set_header_field(member.type_spec, field.type)

    def _set_header_field(self, spec: Any, type_: types.Type) -> None:
        """Fields of headers have bitstring types only; named ones are given by what is below."""
        inner = underlying(type_)
        if isinstance(type_, types.NewType):
            self.add(type_)
        match inner:
            case types.Bit() | types.Int() | types.Varbit():
                self._set_bitstring(spec, inner)
            case types.SerialEnum():
                self.add(inner)
                self._set_bitstring(spec, inner.underlying)
            case _:
                spec.bit.bitwidth = width_of(inner)

    def _add_union(self, type_: types.Union) -> None:
        added = self._info.header_unions[external_name(type_)]
        added.SetInParent()
        for field in type_.fields:
            member = added.members.add(name=_field_name(field))
            if isinstance(field.type, types.Header):
                member.header.name = external_name(field.type)
                self.add(field.type)

    def _add_enum(self, type_: types.Enum) -> None:
        added = self._info.enums[external_name(type_)]
        added.SetInParent()
        for name in _member_names(type_.declaration, type_.members):
            added.members.add(name=name)

    def _add_serializable_enum(self, type_: types.SerialEnum) -> None:
        added = self._info.serializable_enums[external_name(type_)]
        width = type_.underlying.width
        added.underlying_type.bitwidth = width
        values = self._checked.serial_values[type_.name]
        names = _member_names(type_.declaration, type_.members)
        for name, member in zip(names, type_.members, strict=True):
            value = values[member] % (1 << width)
            added.members.add(name=name, value=padded(value, width))

    def _add_new_type(self, type_: types.NewType) -> None:
        added = self._info.new_types[external_name(type_)]
        translation = translation_of(type_)
        declared = type_.declaration.annotations if type_.declaration else ()
        notes.add_annotations(added, declared, but=("p4runtime_translation",))
        if translation is None:
            self.set(added.original_type, underlying(type_))
            return
        added.translated_type.uri = translation.uri
        if translation.width is None:
            added.translated_type.sdn_string.SetInParent()
        else:
            added.translated_type.sdn_bitwidth = translation.width

    def _add_errors(self) -> None:
        if not self._info.HasField("error"):
            self._info.error.members.extend(self._checked.errors)


def padded(value: int, width: int) -> bytes:
    """A value as p4c writes it in a P4Info: big-endian, in whole bytes of the type's width."""
    return value.to_bytes((width + 7) // 8, "big")


def flattened(type_: types.Header) -> list[tuple[str, types.Field]]:
    """A header's fields, those of structs in it with dotted names."""
    found: list[tuple[str, types.Field]] = []

    def walk(prefix: str, fields: tuple[types.Field, ...]) -> None:
        for field in fields:
            name = prefix + _field_name(field)
            if isinstance(field.type, types.Struct):
                walk(f"{name}.", field.type.fields)
            else:
                found.append((name, field))

    walk("", type_.fields)
    return found


def _field_name(field: types.Field) -> str:
    declared = field.declaration.annotations if field.declaration else ()
    return notes.external_name(field.name, declared).removeprefix(".")


def _member_names(declaration: Any, members: tuple[str, ...]) -> list[str]:
    if not isinstance(declaration, ast.EnumDeclaration):
        return list(members)
    return [notes.external_name(m.name, m.annotations) for m in declaration.members]
