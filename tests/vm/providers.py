"""A chain with videos and those who pledge to hold them, block by block."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from consensus.cid import Cid
from consensus.hashing import sha256
from consensus.segments import (
    GROUP_BYTES,
    SEGMENT_BYTES,
    GroupTree,
    SegmentHasher,
    SegmentProof,
)
from consensus.unixfs import file_of
from tests.vm.stage import Stage
from tests.vm.world import ANNA, BARE, World, commit_to, publish
from vm.context import BlockContext
from vm.modules.chain import chain_constants
from vm.modules.economy import turn_day
from vm.modules.possession import (
    PLEDGES,
    ROOTS,
    Pledge,
    PledgeFor,
    Prove,
    Register,
    drawn_segments,
    go_on,
)
from vm.modules.tokens import ASSETS, balance_of, mint, pot_of
from vm.parameter import Parameter
from vm.registry import REGISTRY

ASSET = "REEL"


@dataclass(frozen=True)
class File:
    """A file with its id, root and the hashes of its groups."""

    data: bytes = field(repr=False)

    @cached_property
    def cid(self) -> Cid:
        """By the profile that gives ownership."""
        return file_of([self.data]).cid

    @cached_property
    def _hashed(self) -> tuple[bytes, list[bytes]]:
        hasher = SegmentHasher()
        groups = hasher.feed(self.data) + hasher.finish()
        return hasher.root, groups

    @property
    def root(self) -> bytes:
        """Its segment root."""
        return self._hashed[0]

    def prove(self, index: int) -> SegmentProof:
        """A segment's proof."""
        start = index * SEGMENT_BYTES // GROUP_BYTES * GROUP_BYTES
        return GroupTree(self._hashed[1]).prove(index, self.data[start : start + GROUP_BYTES])


@dataclass
class Providers(Stage):
    """A stage on which heights count, each block has its own beacon, and Anna owns the videos."""

    world: World = field(default_factory=lambda: World.begin(BARE))
    stalled: bool = False

    @property
    def height(self) -> int:
        """The height of the block that everything happens in."""
        return self.world.height

    @property
    def block(self) -> BlockContext:
        """With a beacon that differs from block to block."""
        height = self.world.height
        most = chain_constants(self.world.state).max_unfinal_blocks
        return replace(
            super().block,
            beacon=sha256(b"beacon %d" % height),
            final_height=height - most - 1 if self.stalled else height - 1,
        )

    def set(self, values: Mapping[Parameter, int]) -> None:
        """Give parameters other values."""
        for parameter, value in values.items():
            parameter.set(self.world.state, value)

    def go(self, blocks: int = 1) -> None:
        """Go on by so many blocks, a second each."""
        for _ in range(blocks):
            self.world.height += 1
            self.time_ms += 1000
            self.step(turn_day, go_on, *REGISTRY.end_steps)

    def go_to(self, height: int) -> None:
        """Go on up to a height."""
        self.go(height - self.height)

    def publish(self, file: File, *, root: bytes | None = None) -> None:
        """Publish a file of Anna's and register its root, or another."""
        action = publish(cid=file.cid, size_bytes=len(file.data))
        commit_to(self.world.state, action, by=ANNA)
        done = [
            self.act(ANNA.public, action),
            self.act(ANNA.public, Register(file.cid, root or file.root)),
        ]
        if done != ["ok", "ok"]:
            raise AssertionError(done)

    def give(self, account: bytes, units: int) -> None:
        """Mint."""
        mint(self.world.state, account, ASSET, units)

    def pledge_for(self, account: bytes, file: File, periods: int = 2) -> str:
        """Pledge."""
        return self.act(account, PledgeFor(file.cid, periods))

    def pledge(self, account: bytes, file: File) -> Pledge:
        """The pledge that there is."""
        row = PLEDGES.get(self.world.state, file.cid, account)
        if row is None:
            raise AssertionError("no pledge")
        return row

    def answer(self, account: bytes, file: File, source: File | None = None) -> Prove:
        """The answer to the account's open challenge, out of this file's bytes or another's."""
        pledge, root = self.pledge(account, file), ROOTS.get(self.world.state, file.cid)
        if root is None or pledge.challenge is None:
            raise AssertionError("no challenge")
        indexes = drawn_segments(pledge.challenge, root.size_bytes)
        proofs = tuple((source or file).prove(index) for index in indexes)
        return Prove(file.cid, pledge.period, proofs)

    def prove(self, account: bytes, file: File) -> str:
        """Answer, and rightly."""
        return self.act(account, self.answer(account, file))

    def held(self, account: bytes) -> int:
        """By an account."""
        return balance_of(self.world.state, account, ASSET)

    def pot(self, name: str) -> int:
        """By a pot."""
        return pot_of(self.world.state, name, ASSET)

    @property
    def burned(self) -> int:
        """So far."""
        row = ASSETS.get(self.world.state, ASSET)
        return 0 if row is None else row.burned

    def sound(self) -> bool:
        """Whether nothing is wrong with the state."""
        broken = list(REGISTRY.broken_invariants(self.world.state))
        if broken:
            raise AssertionError(broken)
        return True
