"""Turn an SWX specification into C calls that configure a pipeline with it: `python spec.py FILE`.

DPDK reads such a file only on the way to its own code generator; the interpreter is configured
through the API. Only what l3.spec uses is understood.
"""

import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path

Line = list[str]


@dataclasses.dataclass(slots=True)
class Specification:
    """What the file declares, in its order; each body is a list of split lines."""

    structs: dict[str, list[Line]] = dataclasses.field(default_factory=dict)
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    metadata: str = ""
    actions: dict[str, tuple[str, list[Line]]] = dataclasses.field(default_factory=dict)
    tables: dict[str, dict[str, list[Line]]] = dataclasses.field(default_factory=dict)
    pipeline: list[Line] = dataclasses.field(default_factory=list)


def body(lines: Iterator[Line]) -> list[Line]:
    """The lines up to the closing brace."""
    found = []
    for line in lines:
        if line == ["}"]:
            break
        found.append(line)
    return found


def table(lines: Iterator[Line]) -> dict[str, list[Line]]:
    parts: dict[str, list[Line]] = {}
    for line in lines:
        if line == ["}"]:
            break
        parts[line[0]] = body(lines) if line[-1] == "{" else [line[1:]]
    return parts


def read(text: str) -> Specification:
    """Read a specification.

    Raises:
        ValueError: a line that is not understood.
    """
    spec = Specification()
    lines = iter(
        [words for line in text.splitlines() if (words := line.partition("//")[0].split())]
    )
    for line in lines:
        match line:
            case ["struct", name, "{"]:
                spec.structs[name] = body(lines)
            case ["header", name, "instanceof", struct]:
                spec.headers[name] = struct
            case ["metadata", "instanceof", struct]:
                spec.metadata = struct
            case ["action", name, "args", "none", "{"]:
                spec.actions[name] = ("", body(lines))
            case ["action", name, "args", "instanceof", struct, "{"]:
                spec.actions[name] = (struct, body(lines))
            case ["table", name, "{"]:
                spec.tables[name] = table(lines)
            case ["apply", "{"]:
                spec.pipeline = body(lines)
            case _:
                raise ValueError(f"specification: want a declaration, got {' '.join(line)!r}")
    return spec


def strings(values: list[str]) -> str:
    return f"(const char *[]){{{', '.join(json.dumps(value) for value in values)}}}"


def instructions(lines: list[Line]) -> str:
    return f"{strings([' '.join(line) for line in lines])}, {len(lines)}"


def struct_call(name: str, fields: list[Line]) -> str:
    params = ", ".join(f'{{"{field}", {kind[4:-1]}}}' for kind, field in fields)
    return (
        f'rte_swx_pipeline_struct_type_register(p, "{name}", '
        f"(struct rte_swx_field_params[]){{{params}}}, {len(fields)}, 0)"
    )


def table_call(name: str, parts: dict[str, list[Line]]) -> str:
    keys = ", ".join(
        f'{{"{key}", RTE_SWX_TABLE_MATCH_{match.upper()}}}' for key, match in parts["key"]
    )
    actions = [action for (action,) in parts["actions"]]
    ((default, *_),) = parts["default_action"]
    ((size,),) = parts["size"]
    n_keys = len(parts["key"])
    return (
        f'rte_swx_pipeline_table_config(p, "{name}", &(struct rte_swx_pipeline_table_params){{'
        f".fields = (struct rte_swx_match_field_params[]){{{keys}}}, .n_fields = {n_keys}, "
        f".action_names = {strings(actions)}, .n_actions = {len(actions)}, "
        f'.default_action_name = "{default}"}}, NULL, NULL, {size})'
    )


def calls(spec: Specification) -> list[str]:
    """The API calls, in an order in which each finds what it names."""
    return [
        *(struct_call(name, fields) for name, fields in spec.structs.items()),
        *(
            f'rte_swx_pipeline_packet_header_register(p, "{name}", "{struct}")'
            for name, struct in spec.headers.items()
        ),
        f'rte_swx_pipeline_packet_metadata_register(p, "{spec.metadata}")',
        *(
            f'rte_swx_pipeline_action_config(p, "{name}", '
            f"{json.dumps(struct) if struct else 'NULL'}, {instructions(lines)})"
            for name, (struct, lines) in spec.actions.items()
        ),
        *(table_call(name, parts) for name, parts in spec.tables.items()),
        f"rte_swx_pipeline_instructions_config(p, {instructions(spec.pipeline)})",
    ]


def to_header(text: str) -> str:
    """C that defines `int l3_spec_configure(struct rte_swx_pipeline *)`: 0 or a negative errno."""
    steps = "\n".join(
        f"\tif ((status = {call}) != 0)\n\t\treturn status;" for call in calls(read(text))
    )
    return (
        "static int\nl3_spec_configure(struct rte_swx_pipeline *p)\n{\n\tint status;\n\n"
        f"{steps}\n\treturn 0;\n}}\n"
    )


if __name__ == "__main__":
    print(to_header(Path(sys.argv[1]).read_text()))
