"""The rules of structure: who may import whom, what stays pure, how long things may be."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

MAY_IMPORT = {
    "consensus": set(),
    "vm": {"consensus"},
    "genesis": {"consensus", "vm"},
    "storage": {"consensus"},
    "p2p": {"consensus"},
    "node": {"consensus", "vm", "genesis", "storage", "p2p"},
    "cli": {"consensus", "node"},
}
PURE = {"consensus", "vm"}
IMPURE_MODULES = {
    *("asyncio", "datetime", "http", "multiprocessing", "os", "pathlib", "plyvel", "random"),
    *("secrets", "select", "shutil", "signal", "socket", "ssl", "subprocess", "tempfile"),
    *("threading", "time", "trio", "uuid"),
}
MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 70
EMPTY_NAMES = {"util", "utils", "common", "helper", "helpers", "manager", "managers", "misc"}

SOURCES = sorted(
    [ROOT / "cli.py", *(file for name in MAY_IMPORT for file in (ROOT / name).rglob("*.py"))]
)
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def owner(file: Path) -> str:
    """The top-level package or module that a source file belongs to."""
    return file.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and module of every import, at any depth; a relative one begins with a dot."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")


def import_faults(package: str, tree: ast.AST) -> list[str]:
    faults: list[str] = []
    for line, module in imports(tree):
        top = module.split(".")[0]
        if not top:
            faults.append(f"line {line}: imports are absolute")
        elif top in MAY_IMPORT and top != package and top not in MAY_IMPORT[package]:
            faults.append(f"line {line}: {package} must not import {top}")
        elif package in PURE and top in IMPURE_MODULES:
            faults.append(f"line {line}: {package} is pure and must not import {top}")
    return faults


def shape_faults(source: str) -> list[str]:
    faults: list[str] = []
    lines = source.count("\n")
    if lines > MAX_FILE_LINES:
        faults.append(f"{lines} lines; at most {MAX_FILE_LINES}")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assert):
            faults.append(f"line {node.lineno}: assert is for tests; raise an error")
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                faults.append(f"line {node.lineno}: {node.name} has {length} lines")
    return faults


def name_faults(path: Path) -> list[str]:
    faults = [
        f"{part} says nothing about what is in it"
        for part in path.with_suffix("").parts
        if EMPTY_NAMES & set(re.split(r"[_\W]", part))
    ]
    if path.stem in sys.stdlib_module_names and path.stem != "__init__":
        faults.append(f"{path.name} has the name of a module of the standard library")
    return faults


def identify(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("file", SOURCES, ids=identify)
def test_imports_follow_the_table(file: Path) -> None:
    assert import_faults(owner(file), ast.parse(file.read_text("utf-8"))) == []


@pytest.mark.parametrize("file", SOURCES, ids=identify)
def test_files_and_functions_are_short_and_do_not_assert(file: Path) -> None:
    assert shape_faults(file.read_text("utf-8")) == []


@pytest.mark.parametrize("file", [*SOURCES, *TESTS], ids=identify)
def test_names_say_something(file: Path) -> None:
    assert name_faults(file.relative_to(ROOT)) == []


def test_every_package_is_installed() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    found = {name.removesuffix("*") for name in setuptools["packages"]["find"]["include"]}
    folders = {file.parent.relative_to(ROOT) for file in SOURCES} - {Path()}
    assert found == {folder.parts[0] for folder in folders}
    assert all((ROOT / folder / "__init__.py").is_file() for folder in folders)


@pytest.mark.parametrize(
    ("package", "source", "fault"),
    [
        ("consensus", "import vm.view", "line 1: consensus must not import vm"),
        ("p2p", "def f():\n    from node.chain import Chain", "line 2: p2p must not import node"),
        ("vm", "from time import time", "line 1: vm is pure and must not import time"),
        ("consensus", "import os.path", "line 1: consensus is pure and must not import os"),
        ("node", "from . import chain", "line 1: imports are absolute"),
        ("cli", "import p2p", "line 1: cli must not import p2p"),
    ],
)
def test_a_forbidden_import_is_found(package: str, source: str, fault: str) -> None:
    assert import_faults(package, ast.parse(source)) == [fault]


def test_bad_shapes_are_found() -> None:
    assert shape_faults("assert True\n") == ["line 1: assert is for tests; raise an error"]
    long = "async def f():\n" + "    pass\n" * MAX_FUNCTION_LINES
    assert shape_faults(long) == [f"line 1: f has {MAX_FUNCTION_LINES + 1} lines"]
    assert shape_faults("\n" * 601) == ["601 lines; at most 600"]


@pytest.mark.parametrize("path", ["node/utils.py", "p2p/common/x.py", "vm/peer_manager.py"])
def test_an_empty_name_is_found(path: str) -> None:
    assert len(name_faults(Path(path))) == 1


def test_a_standard_name_is_found() -> None:
    assert name_faults(Path("node/queue.py"))
