"""Where and with what a run was made."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import plyvel

from bench.report import Report
from node.version import VERSION, build


def machine() -> Report:
    """Processor, cores, memory and kernel."""
    page, pages = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "memory_gib": round(page * pages / 2**30, 1),
        "kernel": f"{platform.system()} {platform.release()}",
    }


def versions() -> Report:
    """Of what is measured: `reelect` runs as `build`, except where a row compares builds."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "pynacl": f"{version('pynacl')}, with the libsodium of its wheel",
        "plyvel": version("plyvel"),
        "leveldb": str(plyvel.__leveldb_version__),
        "reelect": VERSION,
        "build": build(),
    }


def _processor() -> str:
    """Its model, as the kernel calls it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
