"""Type inference: what type parameters must be for arguments to fit parameters."""

from __future__ import annotations

from typing import final

from p4kube_core.compiler.frontend import checker_conversions, type_algebra, types
from p4kube_core.compiler.frontend.types import Type, TypeVar

_FIXED = types.Bit | types.Int


@final
class Inference:
    """What is known of some type variables. A mismatch is left for the check of the arguments."""

    __slots__ = ("found", "variables")

    def __init__(self, variables: tuple[TypeVar, ...]) -> None:
        self.variables = frozenset(variables)
        self.found: dict[TypeVar, Type] = {}

    def learn(self, wanted: Type, given: Type) -> None:
        """Make `wanted` (with variables in it) agree with `given` as far as possible."""
        match wanted:
            case TypeVar() if wanted in self.variables:
                self._bind(wanted, given)
            case types.Header() | types.Union() | types.Struct() | types.Extern() | types.Package():
                self._learn_applied(wanted, given)
            case types.Tuple() | types.Sequence():
                if isinstance(given, types.Tuple | types.Sequence):
                    self._learn_all(wanted.elements, given.elements)
            case types.List():
                self._learn_list(wanted, given)
            case types.Stack() | types.Set():
                if isinstance(given, types.Stack | types.Set):
                    self.learn(wanted.element, given.element)
                elif isinstance(given, types.Sequence):
                    self._learn_all((wanted.element,) * len(given.elements), given.elements)
            case types.Parser() | types.Control():
                if isinstance(given, types.Parser | types.Control):
                    self._learn_all(
                        tuple(p.type for p in wanted.parameters),
                        tuple(p.type for p in given.parameters),
                    )

    def _learn_applied(
        self,
        wanted: types.Header | types.Union | types.Struct | types.Extern | types.Package,
        given: Type,
    ) -> None:
        if type(given) is type(wanted) and given.name == wanted.name:
            self._learn_all(wanted.arguments, given.arguments)
        elif isinstance(wanted, types.Struct | types.Header):
            fields = {f.name: f.type for f in wanted.fields}
            if isinstance(given, types.Record):
                for f in given.fields:
                    if f.name in fields:
                        self.learn(fields[f.name], f.type)
            elif isinstance(given, types.Sequence):
                self._learn_all(tuple(fields.values()), given.elements)

    def _learn_list(self, wanted: types.List, given: Type) -> None:
        if isinstance(given, types.List):
            self.learn(wanted.element, given.element)
        elif isinstance(given, types.Sequence):
            for element in given.elements:
                self.learn(wanted.element, element)

    def _learn_all(self, wanted: tuple[Type, ...], given: tuple[Type, ...]) -> None:
        for w, g in zip(wanted, given, strict=False):
            self.learn(w, g)

    def _bind(self, variable: TypeVar, given: Type) -> None:
        if given in self.variables:
            return
        held = self.found.get(variable)
        if held is None or held is types.DEFAULT:
            if given is not types.DONT_CARE:
                self.found[variable] = given
        elif held != given and checker_conversions.convertible(held, given):
            self.found[variable] = held if given is types.DONT_CARE else given
        elif isinstance(held, types.Sequence | types.Tuple | types.Record):
            self.found[variable] = joined(held, given)

    def missing(self) -> tuple[TypeVar, ...]:
        return tuple(sorted(self.variables - self.found.keys(), key=lambda v: v.name))

    def result(self) -> dict[TypeVar, Type]:
        """The substitution; brace expressions of elements become tuples."""
        return {v: settled(t) for v, t in self.found.items()}

    def apply(self, to: Type) -> Type:
        return type_algebra.substitute(to, self.found)


def settled(of: Type) -> Type:
    """What a brace expression's type is where nothing gives it one: a tuple."""
    if isinstance(of, types.Sequence) and not of.rest:
        return types.Tuple(tuple(map(settled, of.elements)))
    return of


def joined(one: Type, other: Type) -> Type:
    """The type to which both can be cast implicitly; the first if there is none."""
    if one == other or checker_conversions.convertible(other, one):
        return one
    if isinstance(one, types.SerialEnum) and other is types.INTEGER:
        return one.underlying
    if isinstance(other, types.SerialEnum) and one is types.INTEGER:
        return other.underlying
    if checker_conversions.convertible(one, other):
        return other
    match one, other:
        case types.SerialEnum(), types.SerialEnum():
            return one.underlying if one.underlying == other.underlying else one
        case ((types.Sequence() | types.Tuple()), (types.Sequence() | types.Tuple())):
            if len(one.elements) == len(other.elements):
                pairs = zip(one.elements, other.elements, strict=True)
                return types.Sequence(tuple(joined(a, b) for a, b in pairs))
    return one
