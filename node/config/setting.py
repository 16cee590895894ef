"""Settings: how one value of the configuration is read and checked, and what it means.

A parser takes the TOML value and the folder that relative paths start from, and raises
InvalidEncoding with what was expected.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from consensus.address import parse_address
from consensus.errors import Invalid, InvalidEncoding
from p2p.peeraddress import parse_peer_address

Raw: TypeAlias = str | int | list[str]  # bool is an int
Parse: TypeAlias = Callable[[object, Path], object]

_HOST = re.compile(r"\[?[0-9a-z:.-]{1,253}\]?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Setting:
    """A value of the configuration: its default (as TOML has it), parser and meaning."""

    default: Raw
    parse: Parse
    meaning: str

    def from_text(self, text: str) -> Raw:
        """The TOML value that a flag's or environment variable's text stands for.

        Lists are separated by commas; raises InvalidEncoding for a number that is none.
        """
        if isinstance(self.default, list):
            return [item.strip() for item in text.split(",") if item.strip()]
        if isinstance(self.default, bool):
            if text not in ("true", "false"):
                raise InvalidEncoding(f"true or false is expected, got {text[:40]!r}")
            return text == "true"
        if isinstance(self.default, int):
            if not re.fullmatch("[0-9]{1,18}", text, re.ASCII):
                raise InvalidEncoding(f"a whole number is expected, got {text[:40]!r}")
            return int(text)
        return text


def integer(minimum: int, maximum: int) -> Parse:
    """A whole number within bounds."""

    def parse(value: object, _: Path) -> int:
        if type(value) is not int:
            raise InvalidEncoding(f"a whole number is expected, got {_shown(value)}")
        if not minimum <= value <= maximum:
            raise InvalidEncoding(f"{value} is not within {minimum} to {maximum}")
        return value

    return parse


def yes_or_no(value: object, _: Path) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise InvalidEncoding(f"true or false is expected, got {_shown(value)}")
    return value


def none_or(minimum: int, maximum: int) -> Parse:
    """0, or a whole number within bounds."""
    within = integer(minimum, maximum)

    def parse(value: object, folder: Path) -> object:
        if type(value) is int and 0 < value < minimum:
            raise InvalidEncoding(f"{value} is too few: at least {minimum}, or 0")
        return 0 if value == 0 and type(value) is int else within(value, folder)

    return parse


def choice(*choices: str) -> Parse:
    """One of some words."""

    def parse(value: object, _: Path) -> str:
        if value not in choices:
            raise InvalidEncoding(f"one of {', '.join(choices)} is expected, got {_shown(value)}")
        return str(value)

    return parse


def text(value: object, _: Path) -> str:
    """Any text."""
    if not isinstance(value, str):
        raise InvalidEncoding(f"text is expected, got {_shown(value)}")
    return value


def host(value: object, folder: Path) -> str:
    """A host name or literal address, lower case, without brackets."""
    checked = text(value, folder)
    if not _HOST.fullmatch(checked):
        raise InvalidEncoding(f"a host name or address is expected, got {_shown(value)}")
    return checked.strip("[]")


def path(value: object, folder: Path) -> Path:
    """A path; `~` is the home folder, a relative one starts from `folder`."""
    checked = text(value, folder)
    if not checked or "\0" in checked:
        raise InvalidEncoding("a path is expected")
    return folder / Path(checked).expanduser()


def url(value: object, folder: Path) -> str:
    """An http or https address, without a slash at its end."""
    checked = text(value, folder)
    if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", checked):
        raise InvalidEncoding(f"http://host:port is expected, got {_shown(value)}")
    return checked.rstrip("/")


def node_id(value: object, folder: Path) -> bytes:
    """A node id: 64 hex digits."""
    checked = text(value, folder)
    if not re.fullmatch("[0-9a-f]{64}", checked, re.ASCII):
        raise InvalidEncoding(f"a node id has 64 hex digits, got {_shown(value)}")
    return bytes.fromhex(checked)


def account(value: object, folder: Path) -> bytes:
    """An account's address."""
    return parse_address(text(value, folder))


def peer(value: object, folder: Path) -> object:
    """`<node id>@host:port`."""
    return parse_peer_address(text(value, folder))


def optional(parse: Parse) -> Parse:
    """What `parse` reads, or None for the empty text."""
    return lambda value, folder: None if value == "" else parse(value, folder)


def listing(parse: Parse, maximum: int) -> Parse:
    """A tuple of at most `maximum` values that `parse` reads."""

    def parse_all(value: object, folder: Path) -> tuple[object, ...]:
        if not isinstance(value, list):
            raise InvalidEncoding(f"a list is expected, got {_shown(value)}")
        if len(value) > maximum:
            raise InvalidEncoding(f"{len(value)} items; at most {maximum} are allowed")
        return tuple(_item(parse, i, item, folder) for i, item in enumerate(value))

    return parse_all


def _item(parse: Parse, place: int, value: object, folder: Path) -> object:
    try:
        return parse(value, folder)
    except Invalid as error:
        raise error.within(f"[{place}]") from None


def _shown(value: object) -> str:
    return repr(value)[:80]
