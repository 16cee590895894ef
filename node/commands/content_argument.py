"""Arguments that stand for content: a file or folder, whose content id is computed, or an id."""

from pathlib import Path

from consensus.cid import Cid, parse_cid
from consensus.errors import Invalid
from consensus.unixfs import KUBO
from node.content_tree import tree_blocks
from node.failure import Usage


def content_id(option: str, text: str) -> Cid:
    """The content id of the file or folder of this path, as `reelect cid` prints it, or that the
    text is; raises Usage naming the option for what is neither."""
    path = Path(text)
    if not path.exists():
        try:
            return parse_cid(text)
        except Invalid as error:
            raise Usage(
                f"{text[:80]} is no file here, and no content id: {error.message}",
                field=option,
                code=error.code,
            ) from error
    for made, _ in tree_blocks(path, KUBO):
        root = made
    return root
