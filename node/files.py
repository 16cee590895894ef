"""Files that are written whole or not at all."""

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from node.failure import Refused

PRIVATE = 0o600
PUBLIC = 0o644


def write_new(path: Path, content: bytes, *, mode: int = PUBLIC) -> None:
    """Create `path` with `content`, on disk when this returns; folders are made as needed.

    Raises Refused if it exists: nothing is ever overwritten. A crash leaves no file or the
    whole one.
    """
    write_pieces(path, (content,), mode=mode)


def write_pieces(path: Path, pieces: Iterable[bytes], *, mode: int = PUBLIC) -> None:
    """`write_new` for what is too long to be held in memory."""
    folder = path.parent
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{path.name}.{secrets.token_hex(4)}"
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # unlike a rename, refuses to replace
    except FileExistsError:
        raise Refused("exists already and is not overwritten", field=str(path)) from None
    finally:
        draft.unlink()
    sync_folder(folder)


def replace(path: Path, content: bytes, *, mode: int = PUBLIC) -> None:
    """Put `content` in the place of whatever file `path` names, whole or not at all."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        write_new(draft, content, mode=mode)
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_bounded(path: Path, limit: int) -> bytes:
    """The content of `path`; raises Refused if it is longer than `limit` bytes."""
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise Refused(f"longer than {limit} bytes; this is another file", field=str(path))
    return content


def check_private(path: Path) -> None:
    """Raise Refused if others than the owner may read `path`."""
    if path.stat().st_mode & 0o077:
        raise Refused(f"others may read this secret; run: chmod 600 {path}", field=str(path))
