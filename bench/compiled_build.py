"""A compiled build of the package, made apart from its sources."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from bench.report import tell

ROOT = Path(__file__).resolve().parent.parent
# Whatever is not needed to build, or left by a build.
LEFT_OUT = (".*", "__pycache__", "build", "dist", "*.egg-info", "bench", "docs", "tests")


def build_compiled(folder: Path) -> Path:
    """Build a wheel of a copy of the sources, as PEP 517 says, and unpack it into a folder, which
    is returned, with these benches beside it. Raises RuntimeError with the last words of a build
    that fails; without a C compiler it does not fail, but compiles nothing."""
    sources, wheels, unpacked = folder / "sources", folder / "wheels", folder / "unpacked"
    tell("a compiled build is made")
    shutil.copytree(ROOT, sources, ignore=shutil.ignore_patterns(*LEFT_OUT))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--wheel-dir", str(wheels), str(sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"the build failed: {done.stderr.strip()[-500:]}")
    (wheel,) = wheels.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(unpacked)
    shutil.copytree(ROOT / "bench", unpacked / "bench")
    return unpacked
