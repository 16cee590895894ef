"""Lines: the versions of a video, which have one owner and follow one another."""

from consensus.address import format_address
from consensus.cid import Cid
from consensus.record import replace
from vm.modules.content.tables import VIDEOS, Line, Video, content
from vm.view import State, View

UNKNOWN_VIDEO = content.error("unknown-video", "No such video is published on this chain.")
NOT_OWNER = content.error("not-owner", "The video is another account's.")
NOT_NEWEST = content.error("not-newest", "The video has a newer version: name that one.")


def video_row(view: View, cid: Cid, *, field: str = "cid") -> Video:
    """A published version; raises ActionFailed if there is none."""
    video = VIDEOS.get(view, cid)
    if video is None:
        raise UNKNOWN_VIDEO.failed(f"{cid} is not published here", field=field)
    return video


def line_of(view: View, video: Video) -> Line:
    """The line of a published version."""
    first = VIDEOS.get(view, video.first)
    if first is None or first.line is None:
        raise RuntimeError(f"{video.first} is no first version")
    return first.line


def owner_of(view: View, cid: Cid) -> bytes | None:
    """Who owns a published version; None if it is not published."""
    video = VIDEOS.get(view, cid)
    return None if video is None else line_of(view, video).owner


def own_video(view: View, account: bytes, cid: Cid, *, field: str = "cid") -> Video:
    """A version that the account owns; raises ActionFailed for another's, and for none."""
    video = video_row(view, cid, field=field)
    owner = line_of(view, video).owner
    if owner != account:
        raise NOT_OWNER.failed(f"{cid} is {format_address(owner)}'s", field=field)
    return video


def check_newest(view: View, cid: Cid, video: Video, *, field: str = "cid") -> None:
    """Raise ActionFailed if there is a newer version than this."""
    newest = line_of(view, video).newest
    if newest != cid:
        raise NOT_NEWEST.failed(f"the newest version is {newest}", field=field)


def put_line(state: State, first: Cid, line: Line) -> None:
    """Write the line of a video in the row of its first version."""
    VIDEOS.put(state, replace(video_row(state, first), line=line), first)
