"""Optional compiled modules; everything else about the package is in pyproject.toml.

The modules of node/version.py's COMPILED_MODULES are compiled from their Python source as it is,
with C's types for what the .pxd file beside it names, where Cython and a C compiler are at hand;
where not, or with REELECT_PURE set, they stay Python.
They are never compiled in place: a stale extension would shadow later edits.
"""

import ast
import os
from glob import glob
from pathlib import Path

from setuptools import Extension, setup


def compiled_modules() -> list[str]:
    """COMPILED_MODULES, read without importing the package that is being built."""
    for node in ast.parse(Path("node/version.py").read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "COMPILED_MODULES":
            return [str(name) for name in ast.literal_eval(node.value)]
    raise SystemExit("node/version.py has no COMPILED_MODULES")


def extensions() -> list[Extension]:
    """The extensions to try; each may fail to compile without failing the installation."""
    if os.environ.get("REELECT_PURE"):
        return []
    try:
        from Cython.Build import cythonize
    except ImportError:
        return []
    wanted = [
        Extension(name, [f"{path}.py"], depends=glob(f"{path}.pxd"))
        for name in compiled_modules()
        for path in (name.replace(".", "/"),)
    ]
    made: list[Extension] = cythonize(wanted, language_level=3, build_dir="build/cython")
    for extension in made:
        extension.optional = True  # cythonize drops it when given before
    return made


setup(ext_modules=extensions())
