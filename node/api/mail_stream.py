"""The stream of a key's mail, as a WebSocket (RFC 6455) of MailEvents."""

import json
from collections.abc import Awaitable, Callable

import trio
from starlette.websockets import WebSocket, WebSocketDisconnect

from consensus.errors import Invalid, InvalidEncoding
from consensus.mail import Deletion, Envelope, Fetch, SignedFetch
from node.api.node_access import MAX_STREAMS, NodeAccess
from node.api.problems import Problem, busy, malformed, problem_of
from node.mail.mailroom import Mailroom
from node.query.mail_answers import MAX_FETCHED, MailEvent

STREAM_PATH = "/v1/mail/stream"
MAX_WAITING = 256  # that a client may be behind
TOO_SLOW = 1013  # try again later (IANA's registry of WebSocket close codes)
ALL_TOLD = MailEvent(None, None)

Item = Envelope | Deletion


def mail_stream(node: NodeAccess) -> Callable[[WebSocket], Awaitable[None]]:
    """The endpoint of a node."""

    async def stream(socket: WebSocket) -> None:
        room = node.services.mail.room
        try:
            if not node.streams.available_tokens:
                raise busy(f"{MAX_STREAMS} clients follow this node already")
            fetch = _asked(socket, room)
        except Problem as problem:
            await socket.send_denial_response(problem.response())
            return
        async with node.streams:
            await socket.accept()
            await _Stream(socket, room, fetch).run()

    return stream


def _asked(socket: WebSocket, room: Mailroom) -> Fetch:
    """The fetch in the query, which is its key's and of now; raises Problem."""
    if set(socket.query_params) != {"fetch"}:
        raise malformed("the one parameter is a signed fetch, in hex", field="fetch")
    try:
        signed = SignedFetch.decode(bytes.fromhex(socket.query_params["fetch"]))
        signed.check(room.chain, room.now_ms())
    except ValueError:
        raise malformed("a signed fetch in hex is expected", field="fetch") from None
    except InvalidEncoding as error:
        raise malformed(error.message, field="fetch") from None
    except Invalid as error:
        raise problem_of(error) from None
    return signed.fetch


class _Stream:
    """Tells one client what is held, then what comes, until it goes or is too slow."""

    def __init__(self, socket: WebSocket, room: Mailroom, fetch: Fetch) -> None:
        self._socket = socket
        self._room = room
        self._fetch = fetch
        self._send, self._news = trio.open_memory_channel[Item](MAX_WAITING)
        self._serving = trio.CancelScope()
        self._is_slow = False

    async def run(self) -> None:
        unsubscribe = self._room.listen(self._told)
        try:
            with self._serving:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._watch)
                    await self._tell_held()
                    async for item in self._news:
                        await self._tell(item)
        except WebSocketDisconnect:
            return
        finally:
            unsubscribe()
        if self._is_slow:
            await self._socket.close(TOO_SLOW, "too slow: fetch what is held, and come again")

    def _told(self, item: Item) -> None:
        head = item.head
        is_sender = isinstance(item, Deletion) and head.sender == self._fetch.reader
        if head.mailbox not in self._fetch.mailboxes and not is_sender:
            return
        try:
            self._send.send_nowait(item)
        except trio.WouldBlock:
            self._is_slow = True
            self._serving.cancel()

    async def _watch(self) -> None:
        """End the stream when its client has gone, or says anything."""
        await self._socket.receive()
        self._serving.cancel()

    async def _tell_held(self) -> None:
        after, mailboxes = self._fetch.after, self._fetch.mailboxes
        while page := self._room.in_mailbox(mailboxes, after, MAX_FETCHED):
            for envelope in page:
                await self._tell(envelope)
            after = page[-1].id
        await self._tell(None)

    async def _tell(self, item: Item | None) -> None:
        event = ALL_TOLD
        if isinstance(item, Envelope):
            event = MailEvent(item.encode(), None)
        elif isinstance(item, Deletion):
            event = MailEvent(None, item.encode())
        await self._socket.send_text(json.dumps(event.to_json()))
