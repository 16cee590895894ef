"""What must hold of a state's videos, spaces and names."""

from collections.abc import Iterator

from consensus.cid import Cid
from vm.modules.content.tables import (
    CLIPS,
    IN_CHANNEL,
    NAMES,
    OWNED,
    SPACES,
    SPACES_OWNED,
    VIDEOS,
    Line,
    Video,
    content,
)
from vm.view import View


@content.invariant
def lines_agree(view: View) -> Iterator[str]:
    """The versions of a video follow one another from the first to the newest; its owner lists
    it."""
    videos = {cid: row for (cid,), row in VIDEOS.every(view)}
    counts: dict[Cid, int] = {}
    owned: set[tuple[bytes, int, Cid]] = set()
    for cid, video in videos.items():
        counts[video.first] = counts.get(video.first, 0) + 1
        is_first = video.number == 1
        if (video.line is not None, video.first == cid) != (is_first, is_first):
            yield f"{cid} is version {video.number} of {video.first}"
        if video.line is not None:
            owned.add((video.line.owner, video.height, cid))
    for cid, video in videos.items():
        if video.line is not None and not _follow(videos, cid, video.line, counts[cid]):
            yield f"the versions of {cid} do not follow one another"
    if owned != {key for key, _ in OWNED.every(view)}:
        yield "the videos that accounts own are not those that are listed"


def _follow(videos: dict[Cid, Video], first: Cid, line: Line, count: int) -> bool:
    """Whether the versions lead from the newest back to the first, all of them."""
    cid = line.newest
    for number in range(count, 0, -1):
        video = videos.get(cid)
        if video is None or (video.first, video.number) != (first, number):
            return False
        if video.replaces is None:
            return number == 1
        cid = video.replaces
    return False


@content.invariant
def clips_agree(view: View) -> Iterator[str]:
    """Each clip is listed under its parent, which is published."""
    clips: set[tuple[Cid, int, Cid]] = set()
    for (cid,), video in VIDEOS.every(view):
        if video.parent is not None:
            clips.add((video.parent, video.height, cid))
            if VIDEOS.get(view, video.parent) is None:
                yield f"{cid} is a clip of {video.parent}, which is not published"
    if clips != {key for key, _ in CLIPS.every(view)}:
        yield "the clips of videos are not those that are listed"


@content.invariant
def spaces_agree(view: View) -> Iterator[str]:
    """Each space is listed under its owner and channel; names are of spaces, for videos."""
    spaces = {name: row for (name,), row in SPACES.every(view)}
    if {(row.owner, name) for name, row in spaces.items()} != {
        key for key, _ in SPACES_OWNED.every(view)
    }:
        yield "the spaces of accounts are not those that are listed"
    if {(row.channel, name) for name, row in spaces.items()} != {
        key for key, _ in IN_CHANNEL.every(view)
    }:
        yield "the spaces in channels are not those that are listed"
    for (space, name), row in NAMES.every(view):
        video = VIDEOS.get(view, row.video)
        if space not in spaces or video is None or video.line is None:
            yield f"the name {space}/{name} is of no space, or for no video's first version"
