"""`reelect mail group`: groups that share a key, which only their owner gives and changes."""

import secrets

from cyclopts import App

from consensus.address import format_address
from consensus.kinds import Json, JsonObject, Text
from consensus.mail import MAX_LIFE_MS
from consensus.record import replace
from node.client import Client
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import find_account
from node.commands.own_mailbox import NO_MAIL_OPTIONS, Mailbox, MailOptions
from node.failure import Refused, Usage
from node.output import print_fields, print_json, print_line, print_table
from node.query.chain_view import Finality
from node.wallet.letter import (
    MAX_NAME_BYTES,
    SEED_BYTES,
    Invitation,
    Rekeying,
    Seal,
    make_envelope,
    seal_for,
    seal_seeds,
    seal_within,
)
from node.wallet.mail_folder import GroupState, Member

GROUP_NAME = Text(MAX_NAME_BYTES, 1)

app = App(name="group", help="Groups: create them, add and remove members, leave.")


@app.command
async def create(
    name: str, *, options: MailOptions = NO_MAIL_OPTIONS, json: JsonFlag = False
) -> None:
    """Begin a group, of which you are the owner and first member. Nothing is sent.

    Parameters
    ----------
    name
        What its members see it as.
    """
    argument("NAME", GROUP_NAME.from_json, name)
    async with options.client() as client:
        mailbox = await options.mailbox(client)
        group, seed = secrets.token_bytes(32), secrets.token_bytes(SEED_BYTES)
        state = GroupState(group, name, mailbox.account, 0, seed, (), ())
        mailbox.keep(state)
    _print(mailbox, state, as_json=json)


@app.command
async def add(
    group: str,
    member: str,
    *,
    options: MailOptions = NO_MAIL_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Give a group's key to one more account. It can then read what is held of the group's letters
    since the key was made.

    Parameters
    ----------
    group
        A group that you own.
    member
        The new member, by address, @handle or name.
    """
    async with options.client() as client:
        mailbox = await options.mailbox(client)
        state = _owned(mailbox, group)
        invited = await find_account(client, options.section, member, "MEMBER")
        new = await _member(client, invited)
        if new.account == mailbox.account:
            raise Refused("you are its owner", field="MEMBER", code="member-already")
        sender = await mailbox.sender(is_anonymous=False)
        invitation = Invitation(
            sender.key.public, mailbox.now_ms, state.group, state.name, state.epoch, state.seed
        )
        await _send(mailbox, new.key, seal_for(new.key), invitation)
        others = [item for item in state.members if item.account != new.account]
        state = replace(state, members=(*others, new))
        mailbox.keep(state)
    _print(mailbox, state, as_json=json)


@app.command
async def remove(
    group: str,
    member: str,
    *,
    options: MailOptions = NO_MAIL_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Put a member out: all others get a new key, by which letters are sealed from now on. What it
    could read before it can still read.

    Parameters
    ----------
    group
        A group that you own.
    member
        The member, by address, @handle or name.
    """
    async with options.client() as client:
        mailbox = await options.mailbox(client)
        state = _owned(mailbox, group)
        gone = await find_account(client, options.section, member, "MEMBER")
        members = tuple(item for item in state.members if item.account != gone)
        if len(members) == len(state.members):
            raise Refused(
                f"{format_address(gone)} is no member that was added from here",
                field="MEMBER",
                code="not-found",
            )
        seed = secrets.token_bytes(SEED_BYTES)
        sender = await mailbox.sender(is_anonymous=False)
        keys = [mailbox.acting_key.public, *(item.key for item in members)]
        for seeds in seal_seeds(seed, keys):
            rekeying = Rekeying(
                sender.key.public, mailbox.now_ms, state.group, state.epoch + 1, gone, seeds
            )
            await _send(mailbox, state.keys.mailbox, seal_within(state.keys), rekeying)
        state = state.rekeyed(seed, gone, members, mailbox.now_ms)
        mailbox.keep(state)
    _print(mailbox, state, as_json=json)


@app.command
async def leave(
    group: str, *, options: MailOptions = NO_MAIL_OPTIONS, json: JsonFlag = False
) -> None:
    """Forget a group and its keys. Nobody is told; its owner can add you again.

    Parameters
    ----------
    group
        A group that you are in.
    """
    async with options.client() as client:
        mailbox = await options.mailbox(client)
        state = mailbox.find_group(group)
        mailbox.leave(state.group)
    fields: JsonObject = {"left": state.group.hex(), "name": state.name}
    print_json(fields) if json else print_fields(fields)


@app.command
async def show(
    group: str, *, options: MailOptions = NO_MAIL_OPTIONS, json: JsonFlag = False
) -> None:
    """Show a group; its owner sees the members.

    Parameters
    ----------
    group
        A group that you are in.
    """
    async with options.client() as client:
        mailbox = await options.mailbox(client)
        await mailbox.letters()
        state = mailbox.find_group(group)
    _print(mailbox, state, as_json=json)


@app.command(name="list")
async def list_(*, options: MailOptions = NO_MAIL_OPTIONS, json: JsonFlag = False) -> None:
    """List the groups that you are in."""
    async with options.client() as client:
        mailbox = await options.mailbox(client)
        await mailbox.letters()
        states = sorted(mailbox.groups.values(), key=lambda item: (item.name, item.group))
    if json:
        print_json([_form(mailbox, state) for state in states])
    elif not states:
        print_line("the account is in no group; `reelect mail group create` begins one")
    else:
        rows = [
            (state.name, state.group.hex()[:16], format_address(state.owner), state.epoch)
            for state in states
        ]
        print_table(("NAME", "GROUP", "OWNER", "KEY"), rows)


def _owned(mailbox: Mailbox, text: str) -> GroupState:
    state = mailbox.find_group(text)
    if state.owner != mailbox.account:
        raise Refused(
            f"only its owner, {format_address(state.owner)}, does this",
            field="GROUP",
            code="not-yours",
        )
    return state


async def _member(client: Client, account: bytes) -> Member:
    """An account with its key; raises Usage if it has several."""
    keys = (await client.account(account, finality=Finality.HEAD)).authority.keys
    if len(keys) != 1:
        raise Usage(
            "several keys act for the account: add the holder of one of them", field="MEMBER"
        )
    return Member(account, keys[0].key)


async def _send(mailbox: Mailbox, where: bytes, seal: Seal, inside: Invitation | Rekeying) -> None:
    """Send what changes a group, which is held as long as anything is."""
    sender = await mailbox.sender(is_anonymous=False)
    expires_ms = mailbox.now_ms + MAX_LIFE_MS
    envelope = make_envelope(sender, where, seal, inside, expires_ms)
    await mailbox.client.send_mail(envelope)


def _form(mailbox: Mailbox, state: GroupState) -> JsonObject:
    is_owner = state.owner == mailbox.account
    members: list[Json] = [format_address(item.account) for item in state.members]
    return {
        "name": state.name,
        "group": state.group.hex(),
        "owner": format_address(state.owner),
        "key": state.epoch,
        "members": members if is_owner else None,
    }


def _print(mailbox: Mailbox, state: GroupState, *, as_json: bool) -> None:
    form = _form(mailbox, state)
    print_json(form) if as_json else print_fields(form)
