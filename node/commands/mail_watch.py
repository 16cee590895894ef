"""`reelect mail watch`: letters as they come, over a WebSocket for each key."""

import sys
from typing import Annotated

import trio
from cyclopts import Parameter, validators

from consensus.errors import Invalid
from consensus.keys import KeyPair
from consensus.kinds import JsonObject
from consensus.mail import Deletion
from node.client_mail import read_envelope, sign_fetch
from node.client_stream import mail_events
from node.commands.arguments import JsonFlag
from node.commands.mail_forms import print_letter, received_form
from node.commands.own_mailbox import NO_MAIL_OPTIONS, Mailbox, MailOptions
from node.output import print_json, print_line

MAX_WATCHED = 32  # keys: a node has room for 64 streams
Letters = Annotated[int, Parameter(validator=validators.Number(gte=1))]


async def watch(
    *,
    for_letters: Letters | None = None,
    options: MailOptions = NO_MAIL_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Print each letter to the account and its groups as it comes, first those that are held, until
    Ctrl-C; with --json one document a line. Those that burn are deleted by it. Also says which of
    the letters that you have sent were deleted.

    Parameters
    ----------
    for_letters
        End after so many letters.
    """
    async with options.client() as client:
        mailbox = await options.mailbox(client)
        await Watch(mailbox, for_letters, as_json=json).run()


class Watch:
    """Follows an account's keys and those of its groups, also of groups that it joins meanwhile."""

    def __init__(self, mailbox: Mailbox, for_letters: int | None, *, as_json: bool) -> None:
        self._mailbox = mailbox
        self._left = for_letters
        self._as_json = as_json
        self._followed: set[bytes] = set()
        self._seen: set[bytes] = set(mailbox.folder.burnt())
        self._turn = trio.Lock()
        self._nursery: trio.Nursery

    async def run(self) -> None:
        """Until enough letters came, or for ever; raises what a stream raises."""
        try:
            async with trio.open_nursery() as self._nursery:
                for pair in self._mailbox.pairs:
                    self._follow(pair, None)
                self._follow_groups()
        except ExceptionGroup as group:
            raise group.exceptions[0] from group

    def _follow_groups(self) -> None:
        for state in list(self._mailbox.groups.values()):
            self._follow(state.keys.reader, state.group)

    def _follow(self, pair: KeyPair, group: bytes | None) -> None:
        if pair.public not in self._followed and len(self._followed) < MAX_WATCHED:
            self._followed.add(pair.public)
            self._nursery.start_soon(self._read, pair, group)

    async def _read(self, pair: KeyPair, group: bytes | None) -> None:
        mailbox = self._mailbox
        now_ms = (await mailbox.client.status()).time_ms
        signed = sign_fetch(mailbox.chain, pair, now_ms)
        path = f"/v1/mail/stream?fetch={signed.encode().hex()}"
        async with mail_events(mailbox.client.base_url, path) as events:
            async for event in events:
                async with self._turn:
                    if event.envelope is not None:
                        await self._take(event.envelope, pair, group)
                    elif event.deletion is not None:
                        self._note(event.deletion)
                sys.stdout.flush()

    async def _take(self, data: bytes, pair: KeyPair, group: bytes | None) -> None:
        mailbox, envelope = self._mailbox, read_envelope(data)
        if envelope.id in self._seen:
            return
        self._seen.add(envelope.id)
        mailbox.now_ms = (await mailbox.client.status()).time_ms
        item = await mailbox.opened(envelope, pair, group)
        self._follow_groups()
        if item is None:
            return
        form = received_form(item, is_read=True)
        if self._as_json:
            print_json({"letter": form})
        else:
            print_letter(form)
            print_line("")
        await mailbox.burn(item)
        if self._left is not None:
            self._left -= 1
            if not self._left:
                self._nursery.cancel_scope.cancel()

    def _note(self, data: bytes) -> None:
        """Tell of the deletion of a letter that was sent from here, and drop the copy."""
        mailbox = self._mailbox
        try:
            deletion = Deletion.decode(data)
            deletion.check(mailbox.chain, mailbox.now_ms)
        except Invalid:
            return
        sent = {letter.head.id for letter in mailbox.folder.sent()}
        if deletion.id not in sent:
            return
        mailbox.folder.drop_sent(deletion.id)
        told: JsonObject = {"deleted": deletion.id.hex()}
        if self._as_json:
            print_json(told)
        else:
            print_line(f"deleted: your letter {deletion.id.hex()[:16]}")
