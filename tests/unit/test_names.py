"""Names that were given up stay given up: each has a standard word in its place."""

import ast
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

import streamstt
from tests.support.paths import DATA

MODULES = sorted(Path(streamstt.__file__).parent.rglob("*.py"))

# What types, functions, constants and attributes may not be called; local variables are free.
RETIRED = set((DATA / "retired_names.txt").read_text(encoding="utf-8").split())


def definitions(body: list[ast.stmt]) -> Iterator[str]:
    """Names of a module or class: functions, classes, constants, fields, and the attributes of ``self``."""
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.name
            case ast.ClassDef():
                yield node.name
                inherited = dir(io.RawIOBase) if any("IOBase" in ast.unparse(base) for base in node.bases) else []
                yield from (name for name in definitions(node.body) if name not in inherited)
                yield from (
                    found.attr
                    for found in ast.walk(node)
                    if isinstance(found, ast.Attribute)
                    and isinstance(found.ctx, ast.Store)
                    and isinstance(found.value, ast.Name)
                    and found.value.id == "self"
                )
            case ast.Assign():
                yield from (target.id for target in node.targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name()):
                yield node.target.id
            case ast.If() | ast.Try():
                yield from definitions(node.body)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_no_retired_name(module: Path) -> None:
    """No module defines a name that was replaced by the standard word."""
    assert set(definitions(ast.parse(module.read_text(encoding="utf-8")).body)) & RETIRED == set()
