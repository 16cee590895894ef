"""Who did an order's task and who completed it, as a file: a line for each with the account, `user`
or `leader`, and a score. Lines that begin with # are for people."""

from pathlib import Path

from node.client import Client
from node.commands.asking import find_account
from node.config.sections import ClientSection
from node.failure import Refused, Usage
from node.files import read_bounded
from vm.modules.orders import LEADER, MOST_SCORE, MOST_SHARES, USER, Share

MAX_FILE_BYTES = 2 * 2**20


async def read_scores(client: Client, section: ClientSection, file: Path) -> list[Share]:
    """The entries of a file, whose accounts are addresses, @handles or names; raises Refused naming
    the file and the line that is wrong."""
    try:
        lines = read_bounded(file, MAX_FILE_BYTES).decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise Refused("is no text", field=str(file), code="invalid-encoding") from error
    found: list[Share] = []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            found.append(await _read(client, section, line, f"{file}: line {number}"))
    if not found:
        raise Refused("lists nobody: a line `ACCOUNT user SCORE` is expected", field=str(file))
    if len(found) > MOST_SHARES:
        raise Refused(f"lists more than {MOST_SHARES}", field=str(file))
    return found


async def _read(client: Client, section: ClientSection, line: str, where: str) -> Share:
    words = line.split()
    if len(words) != 3 or words[1] not in (USER, LEADER) or not _is_score(words[2]):
        raise Refused(
            f"`ACCOUNT {USER}|{LEADER} SCORE` is expected, the score being 1 to {MOST_SCORE}",
            field=where,
            code="invalid-encoding",
        )
    try:
        account = await find_account(client, section, words[0], where)
    except Usage as error:
        raise Refused(error.message, field=where, code=error.code) from error
    return Share(account, words[1], int(words[2]))


def _is_score(text: str) -> bool:
    is_short = text.isascii() and text.isdecimal() and len(text) <= len(str(MOST_SCORE))
    return is_short and 1 <= int(text) <= MOST_SCORE
