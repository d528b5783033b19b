"""Reading YAML as people mean it, and saying what a schema does not like in sentences."""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import jsonschema
import yaml
from jsonschema import validators

from p4kube_core import errors

MAX_BYTES: Final = 16 << 20
_SEXAGESIMAL: Final = "0123456789+-"


class _Loader(yaml.SafeLoader):
    """YAML without two of its traps: a MAC address read as base 60, and a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen and key != "<<":
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key!r} is given twice", key_node.start_mark
                )
            if isinstance(key, Hashable):
                seen.add(key)
        return super().construct_mapping(node, deep)


# The resolvers of numbers, less their base-60 forms.
_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, exp) for tag, exp in resolvers if not tag.endswith((":int", ":float", ":timestamp"))
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|0|[1-9][0-9_]*)$"),
    list(_SEXAGESIMAL),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|\.[0-9_]+|\.(?:inf|nan))$"),
    [*_SEXAGESIMAL, "."],
)


def read(path: Path) -> list[Any]:
    """All documents of a YAML file that hold something.

    Raises:
        errors.ManifestError: no such file, too large, or not YAML; says where.
    """
    try:
        if path.is_file() and path.stat().st_size > MAX_BYTES:
            raise errors.ManifestError(f"{path}: want at most {MAX_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise errors.ManifestError(f"no such file: {path}") from None
    except UnicodeDecodeError as e:
        raise errors.ManifestError(f"cannot read {path}: not UTF-8") from e
    except OSError as e:
        reason = e.strerror.lower() if e.strerror else str(e)
        raise errors.ManifestError(f"cannot read {path}: {reason}") from e
    try:
        return [d for d in yaml.load_all(text, _Loader) if d is not None]
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise errors.ManifestError(f"{path}{place}: not YAML: {e.problem}") from e
    except (yaml.YAMLError, RecursionError, ValueError) as e:
        raise errors.ManifestError(f"{path}: not YAML: {str(e).splitlines()[0]}") from e


def problems(schema: Mapping[str, Any], value: Any, where: str) -> list[str]:
    """What a JSON schema does not like about a value, all of it, each with its path."""
    found = validators.validator_for(schema, jsonschema.Draft202012Validator)(schema)
    errors_found = sorted(found.iter_errors(value), key=lambda e: [str(p) for p in e.absolute_path])
    return [f"{_path(where, e.absolute_path)}: {_sentence(e)}" for e in errors_found]


def with_defaults(schema: Mapping[str, Any], value: Any) -> Any:
    """The value with the schema's defaults where it says nothing, at every level."""
    if isinstance(value, dict):
        filled = dict(value)
        for name, inner in schema.get("properties", {}).items():
            if name not in filled and "default" in inner:
                filled[name] = copy.deepcopy(inner["default"])
            if name in filled:
                filled[name] = with_defaults(inner, filled[name])
        return filled
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [with_defaults(schema["items"], item) for item in value]
    return value


def _path(where: str, parts: Iterable[str | int]) -> str:
    for part in parts:
        where += f"[{part}]" if isinstance(part, int) else f".{part}" if where else str(part)
    return where


def _sentence(error: jsonschema.ValidationError) -> str:
    """Say it as the rest of our messages do: what was wanted, what was found."""
    value: Any = error.instance
    wanted: Any = error.validator_value
    schema: Mapping[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    said = schema.get("x-wanted")
    match error.validator:
        case "additionalProperties":
            return _unknown_names(value, schema.get("properties", {}))
        case "required":
            missing = [name for name in wanted if name not in value]
            return f"want {' and '.join(repr(name) for name in missing)}, found nothing"
        case "enum":
            return f"want {' or '.join(map(str, wanted))}{_near(value, wanted)}, got {value!r}"
        case "const":
            return f"want {wanted}, got {value!r}"
        case "type":
            return f"want {said or _type_name(wanted)}, got {_shown(value)}"
        case "minimum" | "exclusiveMinimum":
            return f"want at least {wanted}, got {value}"
        case "maximum" | "exclusiveMaximum":
            return f"want at most {wanted}, got {value}"
        case "minItems":
            return f"want at least {wanted}, got {len(value)}"
        case "maxItems":
            return f"want at most {wanted}, got {len(value)}"
        case _:
            return f"want {said}, got {_shown(value)}" if said else error.message


def _unknown_names(value: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    unknown = [name for name in value if name not in known]
    said = "; ".join(f"{name!r}{_near(name, known)}" for name in unknown)
    return f"unknown {said} (known: {', '.join(known)})"


def _near(word: object, known: Iterable[object]) -> str:
    near = difflib.get_close_matches(str(word), [str(k) for k in known], n=1, cutoff=0.6)
    return f" (did you mean {near[0]!r}?)" if near and near[0] != str(word) else ""


def _type_name(kinds: Any) -> str:
    words = {
        "object": "a mapping", "array": "a list", "string": "text", "integer": "a whole number",
        "number": "a number", "boolean": "true or false", "null": "nothing",
    }  # fmt: skip
    names = kinds if isinstance(kinds, list) else [kinds]
    return " or ".join(words.get(name, str(name)) for name in names)


def _shown(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case _:
            return repr(value)
