"""`reelect live stream`: what an encoder writes into a folder goes to a node, which serves it to
players as long as the room is open (T7, T14)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import trio
from cyclopts import Parameter

from consensus.address import format_address
from consensus.kinds import JsonObject
from consensus.unixfs import KUBO
from node.client import Client
from node.commands.arguments import JsonFlag
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions, own_account
from node.content_transfer import file_blocks, measure, upload_blocks
from node.failure import Refused, Usage
from node.live.encoder_folder import EncoderPlaylist, Written, read_playlist
from node.output import live_line, print_fields, print_json, progress, warn
from node.query.chain_view import Finality
from node.query.feed_forms import MAX_TARGET_S, FeedAnswer, FeedSegment

MOST_BEHIND = 8  # segments; who comes late begins with the newest of what the encoder has written
CLOSED = "live.not-open"


async def stream(
    folder: Path,
    *,
    account: str | None = None,
    target_s: int = 4,
    pause_s: float = 0.5,
    admin_token_file: Annotated[Path | None, Parameter(name="--admin-token-file")] = None,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Stream what an encoder writes into a folder as HLS (index.m3u8 and segments of MPEG-TS),
    until it ends or your live room closes. The node stores the segments, and serves players the
    playlist at /live/ADDRESS/index.m3u8.

    Such an encoder is ffmpeg: `ffmpeg -re -i INPUT -c:v libx264 -force_key_frames
    'expr:gte(t,n_forced*2)' -c:a aac -f hls -hls_time 2 -hls_flags delete_segments
    FOLDER/index.m3u8`.

    Parameters
    ----------
    folder
        The encoder's folder. It may have written nothing yet.
    account
        Whose room it is, by address, @handle or name; else `client.account`.
    target_s
        No segment is longer, rounded to seconds; it cannot change during a show. Players stay about
        three times as far behind.
    pause_s
        Seconds between two looks into the folder.
    admin_token_file
        File with the node's admin token, which a node on another machine asks for.
    """
    if not 1 <= target_s <= MAX_TARGET_S:
        raise Usage(f"1 to {MAX_TARGET_S} seconds are possible", field="--target-s")
    if not 0 < pause_s <= target_s:
        raise Usage("more than 0 is expected, and --target-s at most", field="--pause-s")
    async with options.client(admin_token_file) as client:
        owner = await own_account(client, options.section, account, "--account")
        if (await client.live(owner, finality=Finality.HEAD)).item is None:
            raise Refused(
                "the live room is not open: `reelect live open` opens it",
                field="--account",
                code=CLOSED,
            )
        sent = await Host(client, owner, folder, target_s).run(pause_s)
        base_url = client.base_url
    progress("")
    told: JsonObject = {
        "account": format_address(owner),
        "segments": sent.segments,
        "duration_ms": sent.duration_ms,
        "lost": sent.lost,
        "playlist": f"{base_url}/live/{format_address(owner)}/index.m3u8",
    }
    if json:
        print_json(told)
    else:
        print_fields(told)


@dataclass
class Host:
    """Brings an encoder's segments to the node that streams a room; counts them, those that were
    gone before they could be read, and the milliseconds that they play."""

    client: Client
    owner: bytes
    folder: Path
    target_s: int
    next_number: int = 0
    has_gap: bool = True
    segments: int = 0
    lost: int = 0
    duration_ms: int = 0

    async def run(self, pause_s: float) -> "Host":
        """Stream until the encoder's playlist is over, or the room is closed."""
        while True:
            listed = await trio.to_thread.run_sync(read_playlist, self.folder)
            for segment in self._new(listed):
                try:
                    await self._send(segment)
                except Refused as failure:
                    if failure.code != CLOSED or not self.segments:
                        raise
                    return self
            if listed.is_over:
                return self
            await trio.sleep(pause_s)

    def _new(self, listed: EncoderPlaylist) -> Iterator[Written]:
        """The segments that were not sent yet. An encoder that was begun again counts anew."""
        if listed.next_number < self.next_number:
            self.next_number, self.has_gap = 0, True
        newest = listed.segments[-MOST_BEHIND:]
        for segment in newest:
            if segment.number >= self.next_number:
                self.has_gap |= segment.number > self.next_number
                self.next_number = segment.number + 1
                yield segment

    async def _send(self, segment: Written) -> None:
        file = self.folder / segment.name
        try:
            cid = (await trio.to_thread.run_sync(measure, file, KUBO)).cid
            await upload_blocks(self.client, file, file_blocks(file, KUBO), cid, lambda done: None)
        except FileNotFoundError:
            warn(f"{segment.name} was gone before it could be read")
            self.lost, self.has_gap = self.lost + 1, True
            return
        is_discontinuous = segment.is_discontinuous or self.has_gap
        form = FeedSegment(cid, segment.duration_ms, is_discontinuous, self.target_s)
        answer = await self.client.add_segment(self.owner, form)
        self.has_gap = False
        self.segments, self.duration_ms = self.segments + 1, self.duration_ms + segment.duration_ms
        self._tell(answer)

    def _tell(self, answer: FeedAnswer) -> None:
        if self.segments == 1:
            progress(f"players find it at {self.client.base_url}{answer.playlist}")
        live_line(f"{self.segments} segments, {self.duration_ms // 1000} s")
