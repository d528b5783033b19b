"""The data plane's tables: against a searched list, and with readers running beside the writer."""

import pathlib
import subprocess

import pytest

from tests import built

HERE = pathlib.Path(__file__).parent
RUNTIME = HERE.parents[2] / "p4kube_core/dataplane/dpdk/runtime"
SOURCES = sorted(RUNTIME.glob("*.c"))
FLAGS = ["-std=gnu11", "-g", "-Wall", "-Wextra", "-Werror", "-pthread", "-fno-sanitize-recover=all"]

RANDOM_CASES = [
    # kind, bytes of the key, size of the table, steps
    ("exact", 3, 100, 4000),
    ("exact", 13, 700, 6000),
    ("exact", 16, 5, 1000),
    ("lpm", 1, 60, 2000),
    ("lpm", 2, 1500, 12000),
    ("lpm", 4, 300, 6000),
    ("lpm", 6, 500, 6000),
    ("lpm", 8, 200, 4000),
    ("lpm", 16, 400, 6000),
    ("lpm", 40, 200, 4000),
    ("ternary", 2, 400, 6000),
    ("ternary", 5, 200, 4000),
    ("ternary", 13, 300, 4000),
    ("range", 2, 300, 4000),
    ("range", 5, 100, 1500),
    ("range", 6, 60, 1500),
    ("range", 18, 100, 2000),
]


def build(source: str, *flags: str) -> pathlib.Path:
    """Compile one of the C programs beside this file with the runtime's sources."""
    command = ["cc", *FLAGS, *flags, f"-I{RUNTIME}"]
    return built.build(pathlib.Path(source).stem, command, [HERE / source, *SOURCES])


def run(program: pathlib.Path, *arguments: object) -> None:
    done = subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def random_test() -> pathlib.Path:
    wrapped = (f"-Wl,--wrap={name}" for name in ("malloc", "calloc", "realloc", "aligned_alloc"))
    return build("random_test.c", "-O1", "-fsanitize=address,undefined", *wrapped)


@pytest.fixture(scope="module", params=["thread", "address,undefined"])
def concurrent_test(request: pytest.FixtureRequest) -> pathlib.Path:
    return build("concurrent_test.c", "-O1", f"-fsanitize={request.param}")


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("kind", "key_bytes", "size", "steps"), RANDOM_CASES)
def test_table_answers_as_a_searched_list(
    random_test: pathlib.Path, kind: str, key_bytes: int, size: int, steps: int, seed: int
) -> None:
    run(random_test, kind, key_bytes, size, steps, seed)


@pytest.mark.parametrize("kind", ["exact", "lpm", "ternary", "range"])
def test_readers_never_miss_an_entry_that_no_update_names(
    concurrent_test: pathlib.Path, kind: str
) -> None:
    run(concurrent_test, kind, 30000)
