"""From a content path to the file, directory or header at its end (UnixFS path resolution)."""

from dataclasses import dataclass

from consensus.cid import DAG_CBOR, DAG_PB, Cid
from consensus.dag_walk import entity_bytes
from consensus.unixfs import DirectoryEntry, directory_entries
from node.api.problems import Problem
from node.gateway.block_source import BlockSource
from node.query.chain_view import NotFound


@dataclass(frozen=True, slots=True)
class Resolved:
    """The blocks from the root of a path to the one at its end, which is read by its kind."""

    blocks: tuple[tuple[Cid, bytes], ...]

    @property
    def cid(self) -> Cid:
        """What the path names."""
        return self.blocks[-1][0]

    @property
    def data(self) -> bytes:
        """The block that the path names."""
        return self.blocks[-1][1]

    @property
    def roots(self) -> str:
        """The CIDs of all segments, in order (X-Ipfs-Roots)."""
        return ",".join(str(cid) for cid, _ in self.blocks)


async def resolve(
    source: BlockSource, root: Cid, segments: tuple[str, ...], *, only_here: bool
) -> Resolved:
    """Follow a path; raises NotFound where it ends early, Problem, or InvalidEncoding for a node
    that is no file or directory of ours."""
    blocks = [(root, await source.get(root, only_here=only_here))]
    for depth, name in enumerate(segments):
        cid, data = blocks[-1]
        entry = await _child(source, cid, data, name)
        if entry is None:
            above = "/".join(("", "ipfs", str(root), *segments[:depth]))
            raise NotFound(f"there is no {name[:80]!r} in {above[:200]}", field="path")
        blocks.append((entry.cid, await source.get(entry.cid, only_here=only_here)))
    return Resolved(tuple(blocks))


async def _child(source: BlockSource, cid: Cid, data: bytes, name: str) -> DirectoryEntry | None:
    """The entry of this name, if the block is a directory's that has it."""
    if cid.codec == DAG_CBOR:
        raise Problem(
            501, "not-implemented", "paths into blocks of the chain are not followed", field="path"
        )
    entries = await entries_of(source, cid, data)
    return next((entry for entry in entries or () if entry.name == name), None)


async def entries_of(
    source: BlockSource, cid: Cid, data: bytes
) -> tuple[DirectoryEntry, ...] | None:
    """A directory's entries; None for any other block."""
    if cid.codec != DAG_PB:
        return None
    return await source.in_thread(lambda: directory_entries(data))


async def size_of(source: BlockSource, resolved: Resolved) -> int | None:
    """The bytes of the file at the end of a path; None if it is no file."""
    return await source.in_thread(lambda: entity_bytes(resolved.cid, resolved.data))
