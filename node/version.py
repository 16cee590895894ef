"""The version of this package, and which of its two builds runs.

Some modules have two: the Python source, which is the reference, and an extension that is compiled
of it where that can be. They lie side by side, and Python prefers the extension.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from importlib.util import find_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

VERSION = "0.1.0"

# What setup.py compiles. No module with records can be one: Cython turns annotations, which are
# their encoding, into text.
COMPILED_MODULES = ("consensus.codec", "consensus.tree")


class _Sources(MetaPathFinder):
    """Finds the source of the modules that have an extension beside it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in COMPILED_MODULES or not path:
            return None
        return source_of(fullname, Path(path[0]))


def source_of(name: str, folder: Path) -> ModuleSpec | None:
    """What loads the Python source of a module of the package in `folder`."""
    return spec_from_file_location(name, folder / f"{name.rpartition('.')[2]}.py")


def prefer_sources() -> None:
    """Let the reference run although there are extensions: of what is imported from now on."""
    sys.meta_path.insert(0, _Sources())


def build() -> str:
    """`compiled` if every such module is an extension here, else `pure`."""
    origins = [spec.origin or "" for spec in map(find_spec, COMPILED_MODULES) if spec]
    compiled = all(origin.endswith(tuple(EXTENSION_SUFFIXES)) for origin in origins)
    return "compiled" if compiled else "pure"
