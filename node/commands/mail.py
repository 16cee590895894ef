"""`reelect mail`: sealed letters to accounts, read, followed and deleted (K9, T13)."""

import sys
from dataclasses import dataclass
from typing import Annotated

from cyclopts import App, Parameter

from consensus.address import format_address
from consensus.errors import Invalid
from consensus.kinds import JsonObject
from consensus.mail import MAX_LIFE_MS, Deletion
from node.client import Client
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import find_account
from node.commands.mail_forms import print_letter, received_form
from node.commands.mail_group import app as group
from node.commands.mail_watch import watch
from node.commands.own_mailbox import (
    MIN_ID_DIGITS,
    NO_MAIL_OPTIONS,
    Mailbox,
    MailOptions,
    find_letter,
)
from node.commands.peers import parse_duration_s
from node.failure import Refused, Usage
from node.output import print_fields, print_json, print_line, print_table, utc
from node.query.chain_view import Finality
from node.query.mail_answers import DELETED
from node.wallet.letter import MAX_TEXT_BYTES, Letter, Seal, make_envelope, seal_for, seal_within
from node.wallet.mail_folder import SentLetter

PREVIEW = 60
DEFAULT_EXPIRE = "7d"

app = App(name="mail", help="Send, read and delete sealed letters; groups.")
app.command(group)
app.command(watch)

Flag = Annotated[bool, Parameter(negative=())]


@app.command
async def send(
    to: str,
    text: str | None = None,
    *,
    in_group: Annotated[Flag, Parameter(name="--group")] = False,
    anonymous: Flag = False,
    burn: Flag = False,
    expire: str = DEFAULT_EXPIRE,
    options: MailOptions = NO_MAIL_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Send a letter that only the receiver can open. Nothing of it is on the chain: nodes hold it,
    sealed, until it is deleted or expires. A copy stays here until then.

    Parameters
    ----------
    to
        Who it is to, by address, @handle or name; with --group a group that you are in.
    text
        What it says; without it that is read from stdin.
    in_group
        It is to a group.
    anonymous
        Sign it by a key that is used once and names nobody. That takes about a second of work,
        half a minute for the longest.
    burn
        The reader's command deletes it everywhere once it is read, and then your copy goes too.
    expire
        How long it is held, such as 12h; 30d at most.
    """
    said = _text(text)
    life_ms = 1000 * argument("--expire", parse_duration_s, expire)
    if life_ms > MAX_LIFE_MS:
        raise Usage(f"{expire} is too long: at most 30d", field="--expire")
    async with options.client() as client:
        mailbox = await options.mailbox(client)
        if in_group:
            target = await _group_target(mailbox, to)
        else:
            account = await find_account(client, options.section, to, "TO")
            target = await _account_target(client, account)
        sender = await mailbox.sender(is_anonymous=anonymous)
        letter = Letter(sender.key.public, mailbox.now_ms, burn, said)
        expires_ms = mailbox.now_ms + life_ms
        envelope = make_envelope(sender, target.mailbox, target.seal, letter, expires_ms)
        await client.send_mail(envelope)
    seed = sender.key.seed if anonymous else None
    mailbox.folder.put_sent(
        SentLetter(
            envelope.head,
            envelope.signature,
            target.account,
            target.group,
            seed,
            burn,
            letter.sent_ms,
            said,
        )
    )
    fields: JsonObject = {
        "id": envelope.id.hex(),
        "to": target.name,
        "from": sender.name,
        "burn": burn,
        "expires": utc(expires_ms),
        "bytes": len(envelope.sealed),
    }
    print_json(fields) if json else print_fields(fields)


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a letter goes, and how it is sealed: to an account, or to a group."""

    name: str
    mailbox: bytes
    seal: Seal
    account: bytes | None = None
    group: bytes | None = None


async def _group_target(mailbox: Mailbox, text: str) -> _Target:
    """A group, by the newest of its keys that the node holds."""
    group = mailbox.find_group(text).group
    await mailbox.letters()
    state = mailbox.find_group(group.hex())
    return _Target(state.name, state.keys.mailbox, seal_within(state.keys), group=group)


async def _account_target(client: Client, account: bytes) -> _Target:
    """An account, by its key; raises Usage if several act for it."""
    keys = (await client.account(account, finality=Finality.HEAD)).authority.keys
    if len(keys) != 1:
        spelled = ", ".join(format_address(item.key) for item in keys)
        raise Usage(
            f"several keys act for the account: write to the holder of one of them, {spelled}",
            field="TO",
        )
    key = keys[0].key
    return _Target(format_address(account), key, seal_for(key), account=account)


def _text(text: str | None) -> str:
    if text is None:
        if sys.stdin.isatty():
            raise Usage("give what it says, or pipe it in", field="TEXT")
        text = sys.stdin.read(MAX_TEXT_BYTES + 1)
    text = text.rstrip("\n")
    try:
        Letter(bytes(32), 0, False, text).encode()
    except Invalid as error:
        raise Usage(error.message, field="TEXT", code=error.code) from error
    return text


@app.command(name="list")
async def list_(
    *,
    sent: Flag = False,
    options: MailOptions = NO_MAIL_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the letters that are held for the account and its groups, the oldest first.

    Parameters
    ----------
    sent
        List those that you have sent and what became of them. Your copy of one that was deleted
        goes now.
    """
    async with options.client() as client:
        mailbox = await options.mailbox(client)
        if sent:
            rows = [await _sent_row(mailbox, letter) for letter in mailbox.folder.sent()]
            nothing = "nothing that was sent from here is held"
        else:
            rows = [received_form(item) for item in await mailbox.letters()]
            nothing = "no letters are held for the account"
    if json:
        print_json(rows)
    elif not rows:
        print_line(nothing)
    elif sent:
        _print_rows(rows, ("id", "sent", "to", "state", "text"))
    else:
        _print_rows(rows, ("id", "sent", "from", "group", "text"))


def _print_rows(rows: list[JsonObject], columns: tuple[str, ...]) -> None:
    table = [[_cell(name, row[name]) for name in columns] for row in rows]
    print_table([name.upper() for name in columns], table)


def _cell(name: str, value: object) -> object:
    if name == "text" and value is None:
        return "(burns when read)"
    if name == "text":
        line = str(value).partition("\n")[0]
        return line if len(line) <= PREVIEW else f"{line[:PREVIEW]}…"
    return str(value)[:16] if name == "id" else value


async def _sent_row(mailbox: Mailbox, letter: SentLetter) -> JsonObject:
    identity = letter.head.id
    answer = await mailbox.client.mail_state(identity)
    state = "unknown to the node" if answer is None else answer.state
    if answer is not None and answer.state == DELETED:
        deletion = Deletion.decode(answer.deletion or b"")
        deletion.check(mailbox.chain, mailbox.now_ms)
        if deletion.id != identity:
            raise Refused("the node shows the deletion of another letter", code="false-answer")
        mailbox.folder.drop_sent(identity)
    group = None if letter.group is None else mailbox.groups.get(letter.group)
    to = "a group that you have left" if group is None else group.name
    return {
        "id": identity.hex(),
        "to": to if letter.account is None else format_address(letter.account),
        "anonymous": letter.one_time_seed is not None,
        "sent": utc(letter.sent_ms),
        "expires": utc(letter.head.expires_ms),
        "burn": letter.burn,
        "state": state,
        "text": "" if state == DELETED else letter.text,
    }


@app.command
async def read(
    letter: str,
    *,
    options: MailOptions = NO_MAIL_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Read a letter. One that burns is deleted by it: everywhere, or if it is to a group for you.

    Parameters
    ----------
    letter
        Its id, or how that begins, as `reelect mail list` shows it.
    """
    async with options.client() as client:
        mailbox = await options.mailbox(client)
        item = find_letter(await mailbox.letters(), letter)
        await mailbox.burn(item)
    form = received_form(item, is_read=True)
    print_json(form) if json else print_letter(form)


@app.command(name="delete")
async def delete_(
    letter: str,
    *,
    options: MailOptions = NO_MAIL_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Delete a letter that you have received or sent from all nodes. One to a group is deleted only
    by who has sent it.

    Parameters
    ----------
    letter
        Its id, or how that begins, as `reelect mail list` or `reelect mail list --sent` shows it.
    """
    async with options.client() as client:
        mailbox = await options.mailbox(client)
        sent = [item for item in mailbox.folder.sent() if item.head.id.hex().startswith(letter)]
        if len(sent) == 1 and len(letter) >= MIN_ID_DIGITS:
            identity = sent[0].head.id
            await mailbox.delete_sent(sent[0])
        else:
            item = find_letter(await mailbox.letters(), letter)
            identity = item.envelope.id
            if item.group is not None:
                raise Refused(
                    "only who has sent a letter to a group deletes it",
                    field="LETTER",
                    code="not-yours",
                )
            await mailbox.delete(item.envelope, item.key)
    fields: JsonObject = {"deleted": identity.hex()}
    print_json(fields) if json else print_fields(fields)
