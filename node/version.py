"""The version of this package, and whether its hot modules are compiled."""

from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec

VERSION = "0.1.0"

# The modules that setup.py compiles where it can; each behaves the same uncompiled.
COMPILED_MODULES = ("consensus.codec",)


def build() -> str:
    """`compiled` if every hot module is an extension, `mixed` if some are, else `pure`."""
    origins = [spec.origin or "" for spec in map(find_spec, COMPILED_MODULES) if spec]
    compiled = [origin.endswith(tuple(EXTENSION_SUFFIXES)) for origin in origins]
    if all(compiled):
        return "compiled"
    return "mixed" if any(compiled) else "pure"
