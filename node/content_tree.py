"""The blocks of a file or folder of this machine, as IPFS makes them.

As `ipfs add -r` does, a folder leaves out names that begin with a dot; links and special files are
refused. Memory: what a file's builder has, and the entries of the folders around it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from consensus.cid import RAW
from consensus.errors import Invalid
from consensus.unixfs import (
    ContentBlock,
    DirectoryEntry,
    FileBuilder,
    Profile,
    directory_node,
)
from node.failure import Refused


@dataclass(slots=True)
class _Folder:
    """A folder on the way: what is still to do in it, and what is done."""

    path: Path
    names: Iterator[str]
    entries: list[DirectoryEntry] = field(default_factory=list)


def tree_blocks(path: Path, profile: Profile) -> Iterator[ContentBlock]:
    """The blocks of a file or folder, children before parents, the root's last; some may come more
    than once. Raises Refused, naming what cannot be one of IPFS's, and OSError."""
    if path.is_file():
        builder = FileBuilder(profile)
        yield from _file_blocks(path, builder, profile)
        return
    if not path.is_dir():
        path.stat()  # raises if nothing is there
        raise _neither(path)
    folders = [_Folder(path, _names(path))]
    while True:
        folder = folders[-1]
        name = next(folder.names, None)
        if name is None:
            with _naming(folder.path):
                node = directory_node(folder.entries)
            yield node.cid, node.data
            folders.pop()
            if not folders:
                return
            folders[-1].entries.append(DirectoryEntry(folder.path.name, node.cid, node.tsize))
        elif _is_folder(folder.path / name):
            folders.append(_Folder(folder.path / name, _names(folder.path / name)))
        else:
            builder = FileBuilder(profile)
            yield from _file_blocks(folder.path / name, builder, profile)
            root = builder.root
            with _naming(folder.path / name):
                folder.entries.append(DirectoryEntry(name, root.cid, root.tsize))


def tree_bytes(path: Path) -> int:
    """The bytes of all files that `tree_blocks` reads. Raises as that does."""
    if not path.is_dir():
        return path.stat().st_size
    total, folders = 0, [path]
    while folders:
        folder = folders.pop()
        for name in _names(folder):
            if _is_folder(folder / name):
                folders.append(folder / name)
            else:
                total += (folder / name).stat().st_size
    return total


def content_bytes(block: ContentBlock) -> int:
    """How much of a file's content a block is."""
    return len(block[1]) if block[0].codec == RAW else 0


def _file_blocks(file: Path, builder: FileBuilder, profile: Profile) -> Iterator[ContentBlock]:
    with file.open("rb", buffering=0) as source:
        while piece := source.read(profile.chunk_bytes):
            yield from builder.feed(piece)
    yield from builder.finish()


def _names(folder: Path) -> Iterator[str]:
    return iter(sorted(name for name in os.listdir(folder) if not name.startswith(".")))


def _is_folder(path: Path) -> bool:
    """Whether it is a folder, and no file; raises Refused for what is neither, and for a name that
    is not UTF-8."""
    with _naming(path):
        path.name.encode()
    if path.is_symlink() or not (path.is_file() or path.is_dir()):
        raise _neither(path)
    return path.is_dir()


def _neither(path: Path) -> Refused:
    return Refused("neither a file nor a folder; leave it out", field=_shown(path))


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """What is refused inside is said of this path."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise Refused("a name that is not UTF-8: rename it", field=_shown(path)) from error
    except Invalid as error:
        raise Refused(error.message, field=_shown(path), code=error.code) from error


def _shown(path: Path) -> str:
    """A path that can be printed, whatever bytes it has."""
    return os.fsencode(path).decode(errors="backslashreplace")
