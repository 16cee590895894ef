"""A module's two builds: what runs here, and its Python source."""

from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType

import consensus
from node.version import source_of


def reference(name: str) -> ModuleType:
    """A module of `consensus` as its Python source, whichever build is under test."""
    spec = source_of(f"consensus.{name}", Path(consensus.__path__[0]))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
