"""What the documentation tells people to type can be typed."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from p4kube_core.cli import main as cli
from p4kube_core.cli.play import manifest

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([ROOT / "README.md", *ROOT.glob("p4nf/*/README.md"), *ROOT.glob("docs/*.md")])


def blocks(page: Path, language: str) -> Iterator[str]:
    for match in re.finditer(r"^```(\w*)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        if match[1] == language:
            yield match[2]


def commands(page: Path) -> Iterator[list[str]]:
    for block in [*blocks(page, ""), *blocks(page, "sh"), *blocks(page, "console")]:
        for line in block.splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True) if "'" not in line else []
            words = words[1:] if words[:1] == ["sudo"] else words
            if words and words[0].rpartition("/")[2] in ("make", "p4kube"):
                yield words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_exist(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in commands(page):
        if words[0] == "make":
            done = subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, capture_output=True)
            assert done.returncode == 0, f"{words}: {done.stderr!r}"
        elif not any(word.startswith(("[", "<", "...")) for word in words):  # not a synopsis
            assert _status(words[1:]) == 0, f"{words}: {capsys.readouterr().err}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_functions_can_be_read(page: Path, tmp_path: Path) -> None:
    for text in blocks(page, "yaml"):
        if "kind: NetworkFunction\n" in text and "..." not in text:
            (tmp_path / "f.yaml").write_text(text)
            (tmp_path / "my.p4").touch()
            assert manifest.read([tmp_path / "f.yaml"])


def _status(words: list[str]) -> int | str | None:
    try:
        cli.parser().parse_args(words)
    except SystemExit as e:
        return e.code
    return 0
