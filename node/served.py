"""What nodes serve: all content but what the community has taken down.

That is looked up in the newest final state, by the id that was asked for: whoever knows the ids of
the blocks below a file's root can still ask for these, which other files may share.
"""

from collections.abc import Callable
from typing import Protocol

from consensus.cid import Cid
from consensus.errors import Invalid
from node.chain import Chain
from vm.modules.content import TAKEN_DOWN, is_served
from vm.view import View


class Fetch(Protocol):
    """Brings a content block from this node or others."""

    async def __call__(self, cid: Cid, root: Cid | None = None) -> bytes | None:
        """The block, of the file `root` if that is known; None if nobody has it."""


class ContentTakenDown(Invalid):
    """Content that nodes do not serve any more; the message says why."""

    code = "taken-down"


def check_served(view: View, cid: Cid) -> None:
    """Raise ContentTakenDown if this state says that nodes do not serve a content id."""
    row = TAKEN_DOWN.get(view, cid)
    if row is not None:
        raise ContentTakenDown(f"{cid} was taken down at height {row.height}: {row.reason}")


def served_by(chain: Chain) -> Callable[[Cid], bool]:
    """Whether a content id is served, by the newest final state of this chain; for any thread."""
    return lambda cid: is_served(chain.state.view(), cid)


def served_only(chain: Chain, fetch: Fetch) -> Fetch:
    """The same, which raises ContentTakenDown instead of fetching what is not served."""

    async def fetch_served(cid: Cid, root: Cid | None = None) -> bytes | None:
        view = chain.state.view()
        for asked in (cid, cid if root is None else root):
            check_served(view, asked)
        return await fetch(cid, root)

    return fetch_served
