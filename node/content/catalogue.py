"""Which files the chain knows: only those are announced, and of those replicas are made."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from consensus.cid import Cid
from node.candidate import Recorded
from node.chain import Chain
from p2p.recent import RecentSet
from vm.modules.content import VIDEOS
from vm.view import View

PAGE_ROWS = 64
MAX_REMEMBERED = 32_768

_PREFIX = VIDEOS.prefix()


@dataclass(frozen=True, slots=True)
class Published:
    """A file that is registered on the chain, with its bytes of content."""

    root: Cid
    size_bytes: int


class Catalogue(Protocol):
    """The registered files; its calls may run in a thread."""

    def of(self, root: Cid) -> Published | None:
        """A registered file, None if it is not registered in the final state."""

    def all_registered(self, roots: Iterable[Cid]) -> bool:
        """Whether all of these are registered in the final state."""

    def turn(self) -> Sequence[Published]:
        """The next PAGE_ROWS registered files, again and again from the beginning."""


class ChainCatalogue:
    """The registered files of a chain."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._known = RecentSet(MAX_REMEMBERED)  # what is registered stays so
        self._start = b""

    def all_registered(self, roots: Iterable[Cid]) -> bool:
        """Whether all of these are registered; what was found to be so is not looked up again."""
        view = self._chain.state.view()
        return all(self._is_registered(view, root) for root in roots)

    def of(self, root: Cid) -> Published | None:
        """A registered file."""
        video = VIDEOS.get(self._chain.state.view(), root)
        return None if video is None else Published(root, video.size_bytes)

    def turn(self) -> Sequence[Published]:
        """A page of them in the order of their CIDs."""
        view = self._chain.state.view()
        page = [
            Published(root, video.size_bytes)
            for (root,), video in VIDEOS.scan(view, start=self._start, limit=PAGE_ROWS)
        ]
        self._start = VIDEOS.state_key(page[-1].root) + b"\x00" if len(page) == PAGE_ROWS else b""
        return page

    def _is_registered(self, view: View, root: Cid) -> bool:
        if root.binary in self._known:
            return True
        if VIDEOS.get(view, root) is None:
            return False
        self._known.add(root.binary)
        return True


def published_by(block: Recorded) -> list[Cid]:
    """The files whose rows a block has written."""
    keys = (key for key, _ in block.writes if key.startswith(_PREFIX))
    return [root for key in keys for root in VIDEOS.key_parts(key) if isinstance(root, Cid)]
