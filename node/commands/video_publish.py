"""`reelect video publish`: commit to a content id, store its blocks on a node, and publish it.

All that it must know to go on after an interruption is on the chain or follows from the file and
the key: nothing is kept here. The node that is asked sees the content id before the commitment is
made: it is the publisher's own, as no other takes the file.
"""

import mimetypes
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import trio
from cyclopts import Parameter, validators

from consensus.address import format_address
from consensus.cid import Cid, parse_cid
from consensus.hashing import ZERO_DIGEST
from consensus.kinds import JsonObject
from consensus.record import replace
from consensus.unixfs import KUBO, Profile, Subtree, profile_named
from node.client import Client, Until
from node.commands.arguments import JsonFlag, argument
from node.commands.sealing import seal_file
from node.commands.sending import (
    NO_SEND_OPTIONS,
    Draft,
    SendOptions,
    check_action,
    check_receipt,
    deliver,
    draft,
    send,
)
from node.commands.viewing import NO_OFFER_OPTIONS, OfferOptions
from node.commands.wallet import Wallet
from node.content_transfer import (
    Report,
    file_blocks,
    measure,
    upload_and_pin,
    upload_blocks,
)
from node.failure import Failure, Refused, TimedOut, Usage
from node.output import live_line, print_fields, print_json, progress, warn
from node.query.answers import VideoItem
from node.query.chain_view import Finality
from node.query.store_forms import PinForm
from node.wallet.salt import commitment_salt
from node.wallet.viewing import Sealing
from storage.content_pin import PinKind
from vm.declare import Action
from vm.modules.content import NOT_COMMITTED, TOO_EARLY, Claim, Commit, Place, Publish

POLL_S = 0.5


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Details:
    """What is said of a video when it is published.

    Parameters
    ----------
    title
        Its title; else the file's name without its ending.
    media_type
        Such as video/mp4; else by the file's ending.
    licence
        An SPDX expression such as CC-BY-4.0; else nothing is said.
    replaces
        Content id of the newest version of a video of the sender's, of which this is the next.
    parent
        Content id of the video that this is a clip of.
    space
        A space of the sender's, in which it gets a name.
    name
        Its name in the space.
    """

    title: str | None = None
    media_type: str | None = None
    licence: str | None = None
    replaces: str | None = None
    parent: str | None = None
    space: str | None = None
    name: str | None = None

    def action(self, file: Path, made: Subtree, profile: Profile) -> Publish:
        """The publication of a measured file, without its salt; raises Usage."""
        if (self.space is None) != (self.name is None):
            raise Usage("--space and --name go together", field="--space")
        named = self.space is not None and self.name is not None
        action = Publish(
            cid=made.cid,
            profile=profile.name,
            size_bytes=made.size,
            media_type=self.media_type or _media_type(file),
            title=self.title or file.stem,
            licence=self.licence,
            replaces=_cid("--replaces", self.replaces),
            parent=_cid("--parent", self.parent),
            place=Place(self.space or "", self.name or "") if named else None,
            salt=ZERO_DIGEST,
        )
        check_action(action)
        return action


NO_DETAILS = Details()


async def publish(
    file: Path,
    *,
    details: Details = NO_DETAILS,
    profile: str = KUBO.name,
    encrypt: Annotated[bool, Parameter(negative=())] = False,
    edition: Annotated[int, Parameter(validator=validators.Number(gte=0))] = 0,
    terms: OfferOptions = NO_OFFER_OPTIONS,
    admin_token_file: Path | None = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Store a video on a node, which pins it, and publish it; the sender becomes its owner.

    It first commits to the content id without showing it, so that nobody who sees it can publish it
    before, and publishes it when the commitment is final and old enough (`content.commit_blocks`).
    With --unsigned these are two transactions: send the first, then run this again.

    With --encrypt it is sealed on the way, so that only those read it who buy the key or are
    granted it. The key follows from the account's own: nothing else is to be kept.

    If it is interrupted, run it again: it goes on where it was.

    Parameters
    ----------
    file
        The video.
    profile
        How it is cut into blocks; only the default gives ownership.
    encrypt
        Seal it; the type is then that of the video inside.
    edition
        Another number seals the same file with another key.
    admin_token_file
        File with the node's admin token, which a node on another machine asks for.
    """
    chosen = argument("--profile", profile_named, profile)
    if edition and not encrypt:
        raise Usage("only what is encrypted has editions", field="--encrypt")
    async with options.client(admin_token_file) as client:
        sealing = await seal_file(client, options, file, edition) if encrypt else None
        made = await trio.to_thread.run_sync(measure, file, chosen, sealing)
        action = details.action(file, made, chosen)
        viewing = await terms.actions(client, options, made.cid, sealing)
        known = await client.video(made.cid, finality=Finality.HEAD)
        stored = _File(client, file, chosen, made, sealing, action.title)
        if known is not None and known.item.owner == await options.sender(client):
            if not options.dry_run:
                await stored.upload()
            if terms != NO_OFFER_OPTIONS:
                warn("published before; `reelect video offer` sets what it costs")
            _show_owned(known.item, as_json=json)
            return
        steps = _Publication(client, options, options.wallet, stored, viewing, json)
        await steps.go_on(action)


def _media_type(file: Path) -> str:
    kind = mimetypes.guess_type(file.name)[0]
    if kind is None:
        raise Usage("the file's ending says nothing; give the type", field="--media-type")
    return kind


def _cid(option: str, text: str | None) -> Cid | None:
    return None if text is None else argument(option, parse_cid, text)


def _show_owned(item: VideoItem, *, as_json: bool) -> None:
    """Nothing is left to publish: the account owns the video, and the node has its blocks."""
    fields: JsonObject = {
        "cid": str(item.cid),
        "state": "published before",
        "height": item.video.height,
    }
    if as_json:
        print_json(fields)
    else:
        print_fields(fields)


@dataclass(frozen=True, slots=True)
class _File:
    """A measured file on its way to a node."""

    client: Client
    file: Path
    profile: Profile
    made: Subtree
    sealing: Sealing | None
    title: str

    async def upload(self) -> None:
        """Store its blocks on the node, those that it has not, and pin them."""
        form = PinForm(PinKind.CHAIN.value, self.title)
        await upload_and_pin(self.client, self.made.cid, form, self._upload)
        progress("")

    async def unpin(self) -> None:
        """It is not published: the pin may go, and may be gone."""
        with suppress(Failure):
            await self.client.unpin(self.made.cid, PinKind.CHAIN)

    async def _upload(self) -> None:
        blocks = file_blocks(self.file, self.profile, self.sealing)
        report = reporter(self.made.size)
        await upload_blocks(self.client, self.file, blocks, self.made.cid, report)


@dataclass(frozen=True, slots=True)
class _Publication:
    """The steps of one publication, as far as they are not done; `viewing` goes with it."""

    client: Client
    options: SendOptions
    wallet: Wallet
    file: _File
    viewing: Sequence[Action]
    as_json: bool

    async def go_on(self, unsalted: Publish) -> None:
        """Commit, store and publish; raises Refused before anything is sent if the node says that
        it would fail."""
        sender = await self.options.sender(self.client)
        action = replace(unsalted, salt=await self._salt(sender, unsalted.cid))
        is_committed = await self._is_committed(action)
        if not is_committed:
            commit = Commit(Claim(sender, action.cid, action.salt).commitment)
            if self.options.dry_run or self.options.unsigned is not None:
                await self._send([commit], "commit", action.cid)
                return
            progress(f"committing to {action.cid}, so that nobody else can publish it first")
            await self._commit(commit)
        if self.options.dry_run:
            await self._send(self._actions(action), "publish", action.cid)
            return
        await self.file.upload()
        try:
            await self._publish(action)
        except Refused:
            await self.file.unpin()
            raise

    async def _publish(self, action: Publish) -> None:
        made = await self._tried_when_old_enough(action)
        if self.options.unsigned is not None:
            await self._send(self._actions(action), "publish", action.cid)
            return
        progress("publishing")
        signed = made.transaction.signed(*self.wallet.enough(made.authorities))
        about: JsonObject = {"cid": str(action.cid)}
        await deliver(
            self.client, self.options, signed, made.fee_asset, about, as_json=self.as_json
        )

    async def _salt(self, sender: bytes, cid: Cid) -> bytes:
        """The salt, by the first of the sender's keys that is here; raises Refused if none is."""
        authority = (await self.client.account(sender, finality=Finality.HEAD)).authority
        held = self.wallet.held({item.key for item in authority.keys})
        if not held:
            raise Refused(
                f"no key of {format_address(sender)} is here: one is needed, from which the "
                "secret part of its commitment is made",
                field="--from",
                code="unknown-key",
            )
        (key,) = self.wallet.pairs(held[:1])
        return commitment_salt(key, (await self.client.status()).chain, cid)

    async def _is_committed(self, action: Publish) -> bool:
        """Whether the sender has committed to this; raises Refused if it would fail otherwise."""
        try:
            await draft(self.client, self.options, self._actions(action))
        except Refused as error:
            if error.code not in (NOT_COMMITTED.code, TOO_EARLY.code):
                raise
            return error.code == TOO_EARLY.code
        return True

    async def _commit(self, commit: Commit) -> None:
        """Send the commitment, and wait until it is final: then no fork of the chain can put
        another's before it that was made after the content id was seen."""
        made = await draft(self.client, self.options, [commit])
        signed = made.transaction.signed(*self.wallet.enough(made.authorities))
        identity = await self.client.submit(signed.encode())
        answer = await self.client.wait(identity, Until.FINAL, self.options.timeout_s)
        if answer.receipt is not None:
            check_receipt(answer.receipt)

    async def _tried_when_old_enough(self, action: Publish) -> Draft:
        with trio.move_on_after(self.options.timeout_s):
            while True:
                try:
                    return await draft(self.client, self.options, self._actions(action))
                except Refused as error:
                    if error.code != TOO_EARLY.code:
                        raise
                live_line("waiting until the commitment is old enough")
                await trio.sleep(POLL_S)
        raise TimedOut(
            f"the commitment is not old enough after {self.options.timeout_s:g} s: run this again",
            code=TOO_EARLY.code,
        )

    def _actions(self, action: Publish) -> list[Action]:
        return [action, *self.viewing]

    async def _send(self, actions: list[Action], step: str, cid: Cid) -> None:
        about: JsonObject = {"cid": str(cid), "step": step}
        await send(self.client, self.options, actions, as_json=self.as_json, about=about)


def reporter(size: int | None) -> Report:
    """A line on the terminal with the bytes done, and the share of `size` if that is known."""

    def report(done: int) -> None:
        share = f" of {size} bytes, {100 * done // size} %" if size else " bytes"
        live_line(f"{done}{share}")

    return report
