"""TLS over any trio stream, for one reader and one writer.

trio's own SSLStream allows more (renegotiation, orderly closing, any number of tasks), which
costs it locks and wake-ups for each frame.
"""

import ssl

import trio

from p2p.limits import READ_BYTES, TLS_WRITE_BYTES


class TlsStream(trio.abc.Stream):
    """A TLS 1.3 stream. One task may read while another writes.

    Until `lift_allowance` no more than `allowance` bytes are read from the transport. All
    methods raise trio.BrokenResourceError when TLS or the transport fails; a stream is not
    used again after an error or a cancelled call.
    """

    def __init__(
        self,
        transport: trio.abc.Stream,
        context: ssl.SSLContext,
        *,
        server_side: bool,
        allowance: int,
    ) -> None:
        self._transport = transport
        self._allowance: int | None = allowance
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=server_side)

    def lift_allowance(self) -> None:
        """From here on any number of bytes may come."""
        self._allowance = None

    async def do_handshake(self, turn: trio.Lock) -> bytes:
        """Agree on keys, holding `turn` for each step that may take milliseconds; returns the other
        side's certificate (DER), empty if it has none."""
        while True:
            try:
                async with turn:
                    self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._feed():
                    raise trio.BrokenResourceError("closed during the TLS handshake") from None
            except ssl.SSLError as error:
                raise trio.BrokenResourceError(f"TLS: {error.reason}") from error
            else:
                break
        await self._flush()
        return self._tls.getpeercert(binary_form=True) or b""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        view = memoryview(data)
        for start in range(0, len(view), TLS_WRITE_BYTES):
            try:
                self._tls.write(view[start : start + TLS_WRITE_BYTES])
            except ssl.SSLError as error:
                raise trio.BrokenResourceError(f"TLS: {error.reason}") from error
            await self._flush()

    async def wait_send_all_might_not_block(self) -> None:
        await self._transport.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Up to `max_bytes`; empty when the other side has closed, orderly or not."""
        while True:
            try:
                return self._tls.read(READ_BYTES if max_bytes is None else max_bytes)
            except ssl.SSLWantReadError:
                if not await self._feed():
                    return b""
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLError as error:
                raise trio.BrokenResourceError(f"TLS: {error.reason}") from error

    async def aclose(self) -> None:
        await self._transport.aclose()

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self._transport.send_all(self._outgoing.read())

    async def _feed(self) -> bool:
        """Read once from the transport; returns False at its end."""
        room = READ_BYTES if self._allowance is None else self._allowance
        if room == 0:
            raise trio.BrokenResourceError("more bytes than a handshake has")
        data = await self._transport.receive_some(room)
        if self._allowance is not None:
            self._allowance -= len(data)
        self._incoming.write(data)
        return bool(data)
