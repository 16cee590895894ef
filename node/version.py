"""The version of this package, and whether its hot modules are compiled."""

from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec

VERSION = "0.1.0"

# The modules that setup.py compiles where it can; each behaves the same uncompiled. No module
# with records can be one: Cython turns annotations, which are their encoding, into text.
COMPILED_MODULES = ("consensus.codec",)


def build() -> str:
    """`compiled` if every hot module is an extension, else `pure`."""
    origins = [spec.origin or "" for spec in map(find_spec, COMPILED_MODULES) if spec]
    compiled = all(origin.endswith(tuple(EXTENSION_SUFFIXES)) for origin in origins)
    return "compiled" if compiled else "pure"
