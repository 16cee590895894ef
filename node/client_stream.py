"""A WebSocket of a node's API, as commands read it (RFC 6455)."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Message,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.utilities import ProtocolError

from consensus.errors import Invalid
from node.client_connection import MAX_ANSWER_BYTES
from node.failure import Refused, TimedOut, Unreachable
from node.query.mail_answers import MailEvent

OPEN_TIMEOUT_S = 15.0
MAX_EVENT_BYTES = 1024 * 1024
_READ_BYTES = 65_536


@asynccontextmanager
async def mail_events(base_url: str, path: str) -> AsyncIterator["MailEvents"]:
    """The events of a stream of mail; raises Unreachable, TimedOut, and Refused."""
    url = urlsplit(base_url)
    host, port = url.hostname or "", url.port or 80
    try:
        with trio.fail_after(OPEN_TIMEOUT_S):
            stream = await trio.open_tcp_stream(host, port)
    except OSError as error:
        raise Unreachable(f"no node answers at {base_url}: {error}") from error
    except trio.TooSlowError:
        raise TimedOut(f"the node at {base_url} does not answer") from None
    try:
        events = MailEvents(base_url, stream)
        try:
            with trio.fail_after(OPEN_TIMEOUT_S):
                await events.open(url.netloc, path)
        except trio.TooSlowError:
            raise TimedOut(f"the node at {base_url} does not answer") from None
        yield events
    finally:
        await trio.aclose_forcefully(stream)


class MailEvents:
    """The events in order; the iteration raises Unreachable when the node ends the stream."""

    def __init__(self, base_url: str, stream: trio.SocketStream) -> None:
        self._base_url = base_url
        self._stream = stream
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._text = ""

    async def open(self, host: str, path: str) -> None:
        """Ask for the stream; raises Refused if the node does not give it."""
        await self._stream.send_all(self._protocol.send(Request(host=host, target=path)))
        rejection = b""
        while True:
            await self._receive()
            for event in self._protocol.events():
                if isinstance(event, AcceptConnection):
                    return
                if isinstance(event, RejectData):
                    rejection += event.data
                if isinstance(event, RejectData) and event.body_finished:
                    raise _refusal(rejection)
                if isinstance(event, RejectConnection) and not event.has_body:
                    raise _refusal(rejection)

    def __aiter__(self) -> "MailEvents":
        return self

    async def __anext__(self) -> MailEvent:
        while True:
            for event in self._protocol.events():
                if isinstance(event, Ping):
                    await self._stream.send_all(self._protocol.send(event.response()))
                elif isinstance(event, CloseConnection):
                    raise Unreachable(
                        f"the node at {self._base_url} has ended the stream: "
                        f"{event.reason or event.code}"
                    )
                elif isinstance(event, TextMessage) and (found := self._message(event)) is not None:
                    return found
            await self._receive()

    def _message(self, event: Message[str]) -> MailEvent | None:
        self._text += event.data
        if len(self._text) > MAX_EVENT_BYTES:
            raise Refused("an event that is too large", code="answer-too-large")
        if not event.message_finished:
            return None
        text, self._text = self._text, ""
        try:
            return MailEvent.from_json(json.loads(text))
        except (ValueError, RecursionError, Invalid) as error:
            raise Refused(
                f"the node's event is not understood ({error}); is it of another release?",
                code="answer-not-understood",
            ) from error

    async def _receive(self) -> None:
        try:
            data = await self._stream.receive_some(_READ_BYTES)
            if not data:
                raise Unreachable(f"the node at {self._base_url} is gone")
            self._protocol.receive_data(data)
        except trio.BrokenResourceError as error:
            raise Unreachable(f"the node at {self._base_url} is gone") from error
        except ProtocolError as error:
            raise Refused(f"no WebSocket: {error}", code="answer-not-understood") from error


def _refusal(body: bytes) -> Refused:
    try:
        problem = json.loads(body[:MAX_ANSWER_BYTES])
        return Refused(
            str(problem["detail"]),
            field=str(problem["field"]),
            code=str(problem["type"]).rpartition(":")[2],
        )
    except (ValueError, KeyError, TypeError):
        return Refused("the node gives no stream of mail", code="answer-not-understood")
