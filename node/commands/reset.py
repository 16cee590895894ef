"""`reelect reset`: delete a local network."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from node.failure import Refused, Usage
from node.local.folder import DEFAULT_FOLDER, LocalFolder
from node.output import print_line


def reset(
    *,
    data_dir: Path = DEFAULT_FOLDER,
    yes: Annotated[bool, Parameter(negative=(), alias="-y")] = False,
) -> None:
    """Delete a local network with its chain, keys and videos, so that `up` begins anew.

    Parameters
    ----------
    data_dir
        The network's folder.
    yes
        Do not ask.
    """
    folder = LocalFolder.at(data_dir)
    if not folder.exists:
        print_line(f"no local network in {folder.root}")
        return
    with folder.owned():
        if not yes:
            _ask(folder)
        folder.clear()
    print_line(f"deleted the local network in {folder.root}")


def _ask(folder: LocalFolder) -> None:
    if not sys.stdin.isatty():
        raise Usage("nobody is here to ask; give --yes to delete the network", field="--yes")
    print(f"Delete the local network in {folder.root}? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Refused("nothing was deleted")
