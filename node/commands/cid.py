"""`reelect cid`: the IPFS content id of a file or folder, without any node."""

import os
from collections.abc import Iterator
from pathlib import Path

from consensus.cid import Cid
from consensus.unixfs import (
    KUBO,
    DirectoryEntry,
    Profile,
    directory_node,
    file_of,
    profile_named,
)
from node.commands.arguments import JsonFlag, argument
from node.failure import Refused
from node.output import print_json, print_line


def cid(path: Path, *, profile: str = KUBO.name, json: JsonFlag = False) -> None:
    """Print the content id that IPFS gives a file or folder.

    As `ipfs add -r` does, a folder leaves out names that begin with a dot. Links are refused.

    Parameters
    ----------
    path
        The file or folder.
    profile
        How it is cut: kubo-cidv1-256k-174 (`ipfs add --cid-version=1`) or unixfs-v1-2025.
    """
    chosen = argument("--profile", profile_named, profile)
    made = _entry(path, chosen).cid if path.is_file() else _folder_cid(path, chosen)
    if json:
        print_json({"cid": str(made), "profile": chosen.name})
    else:
        print_line(str(made))


def _folder_cid(root: Path, profile: Profile) -> Cid:
    """Folders from the innermost outwards, so that each finds its children done."""
    done: dict[Path, DirectoryEntry] = {}
    for place, folders, files in os.walk(root, topdown=False, onerror=_raise):
        folder = Path(place)
        entries = [done.pop(folder / name) for name in folders if _listed(folder / name)]
        entries += [_entry(folder / name, profile) for name in files if _listed(folder / name)]
        node = directory_node(entries)
        done[folder] = DirectoryEntry(folder.name or "root", node.cid, node.tsize)
    return done[root].cid


def _listed(path: Path) -> bool:
    if path.name.startswith("."):
        return False
    if path.is_symlink() or not (path.is_file() or path.is_dir()):
        raise Refused("neither a file nor a folder; leave it out", field=str(path))
    return True


def _entry(file: Path, profile: Profile) -> DirectoryEntry:
    made = file_of(_pieces(file, profile.chunk_bytes), profile)
    return DirectoryEntry(file.name, made.cid, made.tsize)


def _pieces(file: Path, size: int) -> Iterator[bytes]:
    with file.open("rb", buffering=0) as source:
        while piece := source.read(size):
            yield piece


def _raise(error: OSError) -> None:
    raise error
