"""Files and directories in a node's store, and what of them is expected."""

from dataclasses import dataclass
from pathlib import Path
from random import Random

from consensus.cid import RAW, Cid, cid_of
from consensus.unixfs import DirectoryEntry, DirectoryNode, directory_node
from storage.content import ContentStore
from tests.api.world import World

FILM = (Path(__file__).parents[1] / "data" / "small.mp4").read_bytes()
# Three leaves, of which the first and the last are equal.
REPEATING = bytes(262_144) + Random(5).randbytes(262_144) + bytes(262_144)
PAGE = b"<!doctype html><script>alert(1)</script>"


@dataclass(frozen=True)
class Published:
    """CIDs by name: `films/` holds the film and captions, `site/` an index.html, `top/` both."""

    film: Cid
    repeating: Cid
    films: Cid
    site: Cid
    top: Cid


def add(store: ContentStore, content: bytes) -> DirectoryEntry:
    """Store a file; an entry for it without a name that matters."""
    with store.new_file() as new:
        new.write(content)
        added = new.commit()
    return DirectoryEntry("unnamed", added.cid, added.tsize)


def add_directory(store: ContentStore, entries: dict[str, DirectoryEntry]) -> DirectoryNode:
    """Store a directory of these."""
    node = directory_node(
        DirectoryEntry(name, entry.cid, entry.tsize) for name, entry in entries.items()
    )
    store.put(node.cid, node.data)
    return node


def below(node: DirectoryNode) -> DirectoryEntry:
    """A directory as an entry of another."""
    return DirectoryEntry("unnamed", node.cid, node.tsize)


def publish(world: World) -> Published:
    """Store it all."""
    store = world.content
    film, captions = add(store, FILM), add(store, b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n")
    repeating = add(store, REPEATING)
    films = add_directory(
        store, {"Äther <1>.mp4": film, "captions.vtt": captions, "page.html": add(store, PAGE)}
    )
    site = add_directory(store, {"index.html": add(store, PAGE), "film": film})
    top = add_directory(
        store, {"films": below(films), "site": below(site), "twice": repeating, "same": repeating}
    )
    return Published(film.cid, repeating.cid, films.cid, site.cid, top.cid)


def leaf(content: bytes) -> Cid:
    """The CID of a single leaf."""
    return cid_of(RAW, content)
