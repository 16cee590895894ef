"""What kind of file content is, by its name or its first bytes, and whether a browser may show it.

A browser shows only what cannot run: whatever else is named or sniffed is handed over as a file.
"""

from pathlib import PurePosixPath
from urllib.parse import quote

SNIFFED_BYTES = 512
UNKNOWN = "application/octet-stream"
PLAIN = "text/plain; charset=utf-8"

_BY_EXTENSION = {
    "aac": "audio/aac",
    "avif": "image/avif",
    "css": "text/css; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "flac": "audio/flac",
    "gif": "image/gif",
    "htm": "text/html; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "m3u8": "application/vnd.apple.mpegurl",
    "m4a": "audio/mp4",
    "m4s": "video/iso.segment",
    "m4v": "video/mp4",
    "md": PLAIN,
    "mjs": "text/javascript; charset=utf-8",
    "mkv": "video/x-matroska",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "mpd": "application/dash+xml",
    "oga": "audio/ogg",
    "ogg": "application/ogg",
    "ogv": "video/ogg",
    "opus": "audio/ogg",
    "pdf": "application/pdf",
    "png": "image/png",
    "srt": PLAIN,
    "svg": "image/svg+xml",
    "ts": "video/mp2t",
    "txt": PLAIN,
    "vtt": "text/vtt; charset=utf-8",
    "wasm": "application/wasm",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webp": "image/webp",
    "xhtml": "application/xhtml+xml",
    "xml": "application/xml",
    "zip": "application/zip",
}
# (place, bytes, media type), the first that fits.
_BY_MAGIC = (
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1a\x45\xdf\xa3", "video/webm"),
    (0, b"OggS", "application/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (8, b"WAVE", "audio/wav"),
    (8, b"WEBP", "image/webp"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"WEBVTT", "text/vtt; charset=utf-8"),
    (0, b"\x00asm", "application/wasm"),
)
# How pages begin that a browser would run, behind white space.
_ACTIVE = ((b"<!doctype html", "html"), (b"<html", "html"), (b"<svg", "svg"), (b"<?xml", "xml"))
_SHOWN = ("audio/", "video/", "image/", "text/plain", "text/vtt", "application/ogg")
_ACTIVE_IMAGE = "image/svg+xml"


def type_by_name(name: str) -> str | None:
    """The media type that a file's extension stands for; None if it says nothing."""
    return _BY_EXTENSION.get(PurePosixPath(name).suffix.lower().lstrip("."))


def sniffed_type(head: bytes) -> str:
    """The media type that a file's first SNIFFED_BYTES look like."""
    for place, magic, media_type in _BY_MAGIC:
        if head.startswith(magic, place):
            return media_type
    begin = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for magic, extension in _ACTIVE:
        if begin.startswith(magic):
            return _BY_EXTENSION[extension]
    return PLAIN if _is_text(head) else UNKNOWN


def _is_text(head: bytes) -> bool:
    """Whether it is UTF-8 without control characters, but perhaps for a character cut off."""
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(head) < SNIFFED_BYTES or error.start < len(head) - 3:
            return False
        text = head[: error.start].decode("utf-8")
    return all(character >= " " or character in "\t\n\r\f" for character in text)


def is_shown(media_type: str) -> bool:
    """Whether a browser may show such content in place."""
    return media_type.startswith(_SHOWN) and not media_type.startswith(_ACTIVE_IMAGE)


def disposition(filename: str, *, is_attachment: bool) -> str:
    """A Content-Disposition header (RFC 6266; RFC 8187 for names beyond ASCII)."""
    kind = "attachment" if is_attachment else "inline"
    if not filename:
        return kind
    plain = "".join(c if " " <= c <= "~" and c not in '"\\' else "_" for c in filename)
    extended = "" if plain == filename else f"; filename*=UTF-8''{quote(filename, safe='')}"
    return f'{kind}; filename="{plain}"{extended}'
