"""The part of a node's HTTP API that is about mail, as commands use it.

POST /v1/mail/envelopes        MailStateAnswer (202)
GET  /v1/mail/envelopes/{id}   MailStateAnswer
POST /v1/mail/deletions        MailStateAnswer (202)
POST /v1/mail/fetch            MailAnswer
GET  /v1/mail/stream           a WebSocket of MailEvents (node/client_stream.py)
"""

from collections.abc import AsyncIterator
from contextlib import suppress

from consensus.errors import Invalid
from consensus.keys import KeyPair
from consensus.mail import Deletion, Envelope, Fetch, SignedFetch
from node.client_connection import Connection, read_answer
from node.client_failures import Missing
from node.failure import Refused
from node.query.mail_answers import MailAnswer, MailStateAnswer

CBOR = "application/cbor"


class MailClient(Connection):
    """Calls about mail."""

    async def send_mail(self, envelope: Envelope) -> MailStateAnswer:
        """Have an envelope held; raises Refused (mail-full, mail-unpaid, …)."""
        answer = await self._send("POST", "/v1/mail/envelopes", envelope.encode(), CBOR)
        return read_answer(MailStateAnswer, answer)

    async def delete_mail(self, deletion: Deletion) -> MailStateAnswer:
        """Have an envelope dropped; raises Refused."""
        answer = await self._send("POST", "/v1/mail/deletions", deletion.encode(), CBOR)
        return read_answer(MailStateAnswer, answer)

    async def mail_state(self, identity: bytes) -> MailStateAnswer | None:
        """What became of an envelope; None if the node has nothing of it."""
        with suppress(Missing):
            return await self._get(MailStateAnswer, f"/v1/mail/envelopes/{identity.hex()}")
        return None

    async def mail(self, chain: bytes, reader: KeyPair, now_ms: int) -> AsyncIterator[Envelope]:
        """The envelopes in the mailboxes of a key, not yet verified."""
        after: bytes | None = None
        while True:
            body = sign_fetch(chain, reader, now_ms, after).encode()
            answer = read_answer(MailAnswer, await self._send("POST", "/v1/mail/fetch", body, CBOR))
            for item in answer.items:
                yield read_envelope(item)
            if answer.next is None or (after is not None and answer.next <= after):
                return
            after = answer.next


def sign_fetch(
    chain: bytes, reader: KeyPair, now_ms: int, after: bytes | None = None
) -> SignedFetch:
    """What asks for the mail of a key."""
    fetch = Fetch(chain, reader.public, after, now_ms)
    return SignedFetch(fetch, reader.sign(fetch.encode()))


def read_envelope(data: bytes) -> Envelope:
    """An envelope in a node's answer; raises Refused for what is none."""
    try:
        return Envelope.decode(data)
    except Invalid as error:
        raise Refused(
            f"the node gives mail that is not understood ({error}); is it of another release?",
            code="answer-not-understood",
        ) from error
