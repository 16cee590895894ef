"""`reelect cid`: the IPFS content id of a file or folder, without any node."""

from pathlib import Path

from consensus.unixfs import KUBO, profile_named
from node.commands.arguments import JsonFlag, argument
from node.content_tree import tree_blocks
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
    for made, _ in tree_blocks(path, chosen):
        root = made
    if json:
        print_json({"cid": str(root), "profile": chosen.name})
    else:
        print_line(str(root))
