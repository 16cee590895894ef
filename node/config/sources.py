"""Where settings come from: flag > environment > TOML file > default.

`p2p.port` is the flag `--set p2p.port=7401`, the variable REELECT_P2P_PORT, and the key `port`
of `[p2p]` in the file. Paths in the file are relative to the file's folder, others to the
current one.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import cast

from consensus.errors import Invalid, InvalidEncoding
from consensus.producers import MAX_PRODUCERS
from node.config.sections import (
    MIN_KEPT_SNAPSHOTS,
    SEATS,
    SECTIONS,
    SETTINGS,
    ApiSection,
    ClientSection,
    Config,
    ContentSection,
    LinksSection,
    LogSection,
    MailSection,
    NodeSection,
    P2pSection,
    Seat,
    Section,
    StatisticsSection,
    StorageSection,
    settings_of,
)
from node.failure import Usage
from node.files import read_bounded
from p2p.peeraddress import is_loopback

# The first of these that exists is read; the second is what `reelect up` writes.
DEFAULT_FILES = ("~/.reelect/node/config.toml", "~/.reelect/local/client.toml")
FILE_VARIABLE = "REELECT_CONFIG"
MAX_CONFIG_BYTES = 262_144


def variable_of(key: str) -> str:
    """The environment variable of a setting: REELECT_P2P_PORT for `p2p.port`."""
    return "REELECT_" + key.replace(".", "_").upper()


@dataclass(frozen=True, slots=True)
class Chosen:
    """A setting's value as written, where it was written, and where its paths start from."""

    value: object
    source: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Choices:
    """Every setting's chosen value by key, the tables of the seats, and the file if any."""

    settings: Mapping[str, Chosen]
    seats: Sequence[object]
    file: Path | None

    def config(self) -> Config:
        """Check every value; raises Usage naming the source and the key."""
        sections = {name: self._section(name, section) for name, section in SECTIONS.items()}
        config = Config(
            cast(NodeSection, sections["node"]),
            cast(P2pSection, sections["p2p"]),
            cast(LinksSection, sections["links"]),
            cast(ApiSection, sections["api"]),
            cast(LogSection, sections["log"]),
            cast(StorageSection, sections["storage"]),
            cast(ContentSection, sections["content"]),
            cast(MailSection, sections["mail"]),
            cast(StatisticsSection, sections["statistics"]),
            cast(ClientSection, sections["client"]),
            self._seats(),
        )
        self._check_membership(config.p2p)
        self._check_links(config.p2p)
        self._check_kept(config.storage)
        return config

    def _section(self, name: str, section: type[Section]) -> Section:
        values = [self._value(f"{name}.{key}") for key in settings_of(section)]
        return section(*values)

    def _value(self, key: str) -> object:
        chosen = self.settings[key]
        try:
            return SETTINGS[key].parse(chosen.value, chosen.folder)
        except Invalid as error:
            raise _wrong(chosen.source, error.within(key)) from None

    def _seats(self) -> tuple[Seat, ...]:
        source = str(self.file)
        if len(self.seats) > MAX_PRODUCERS:
            message = f"{len(self.seats)} seats; there are at most {MAX_PRODUCERS}"
            raise _wrong(source, InvalidEncoding(message, field=SEATS))
        folder = _folder_of(self.file)
        try:
            seats = tuple(_seat(item, i, folder) for i, item in enumerate(self.seats))
        except Invalid as error:
            raise _wrong(source, error) from None
        if len({(seat.account, seat.consensus_key_file) for seat in seats}) != len(seats):
            message = "the same account with the same consensus key twice"
            raise _wrong(source, InvalidEncoding(message, field=SEATS))
        return seats

    def _check_membership(self, p2p: P2pSection) -> None:
        closed = p2p.membership == "members"
        if bool(p2p.members) == closed:
            return
        source = self.settings["p2p.membership" if closed else "p2p.members"].source
        message = 'goes with membership = "members": change one of the two'
        raise _wrong(source, InvalidEncoding(message, field="p2p.members"))

    def _check_links(self, p2p: P2pSection) -> None:
        if is_loopback(p2p.host):
            return
        for key in settings_of(LinksSection):
            chosen = self.settings[f"links.{key}"]
            if chosen.value != SETTINGS[f"links.{key}"].default:
                message = (
                    "faults are for trying things on one machine: they go with a p2p.host on "
                    f"loopback such as 127.0.0.1, not with {p2p.host}"
                )
                raise _wrong(chosen.source, InvalidEncoding(message, field=f"links.{key}"))

    def _check_kept(self, storage: StorageSection) -> None:
        least = MIN_KEPT_SNAPSHOTS * storage.snapshot_blocks
        if not 0 < storage.keep_blocks < least:
            return
        message = (
            f"{storage.keep_blocks} is too few: who joins from a snapshot, one of which is taken "
            f"each {storage.snapshot_blocks} blocks (storage.snapshot_blocks), needs the blocks "
            f"above it: at least {least}, or 0 to keep all"
        )
        source = self.settings["storage.keep_blocks"].source
        raise _wrong(source, InvalidEncoding(message, field="storage.keep_blocks"))


def load_config(
    file: Path | None, overrides: Sequence[str], environment: Mapping[str, str]
) -> Config:
    """The checked configuration (see gather); raises Usage naming the source and the key."""
    return gather(file, overrides, environment).config()


def gather(file: Path | None, overrides: Sequence[str], environment: Mapping[str, str]) -> Choices:
    """Every setting as chosen by `overrides` ("key=value"), environment, file or default.

    Without `file` the one that REELECT_CONFIG names is read, else the first of DEFAULT_FILES
    that exists. Raises Usage for what is unknown or unreadable; values are checked by `config()`.
    """
    file = find_file(file, environment)
    document = {} if file is None else _read_toml(file)
    seats = document.pop(SEATS, [])
    if not isinstance(seats, list):
        raise _wrong(str(file), InvalidEncoding("tables [[seats]] are expected", field=SEATS))
    settings = {key: Chosen(item.default, "default", Path.cwd()) for key, item in SETTINGS.items()}
    if file is not None:
        settings |= _from_file(document, file)
    settings |= _from_environment(environment)
    settings |= _from_flags(overrides)
    return Choices(settings, seats, file)


def find_file(file: Path | None, environment: Mapping[str, str]) -> Path | None:
    """The configuration file that `gather` reads, if any."""
    if file is not None:
        return file
    if FILE_VARIABLE in environment:
        return Path(environment[FILE_VARIABLE])
    defaults = (Path(name).expanduser() for name in DEFAULT_FILES)
    return next((default for default in defaults if default.exists()), None)


def _folder_of(file: Path | None) -> Path:
    return Path.cwd() if file is None else file.absolute().parent


def _read_toml(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(read_bounded(file, MAX_CONFIG_BYTES).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _wrong(str(file), InvalidEncoding(f"not TOML: {error}")) from None


def _from_file(document: Mapping[str, object], file: Path) -> dict[str, Chosen]:
    folder = _folder_of(file)
    chosen: dict[str, Chosen] = {}
    for name, section in document.items():
        if name not in SECTIONS:
            raise _unknown(str(file), name, [*SECTIONS, SEATS])
        if not isinstance(section, dict):
            message = f"a section [{name}] is expected"
            raise _wrong(str(file), InvalidEncoding(message, field=name))
        for key, value in section.items():
            if f"{name}.{key}" not in SETTINGS:
                raise _unknown(str(file), f"{name}.{key}", [*SETTINGS])
            chosen[f"{name}.{key}"] = Chosen(value, str(file), folder)
    return chosen


def _from_environment(environment: Mapping[str, str]) -> dict[str, Chosen]:
    return {
        key: _from_text(key, environment[variable], variable)
        for key, variable in ((key, variable_of(key)) for key in SETTINGS)
        if variable in environment
    }


def _from_flags(overrides: Sequence[str]) -> dict[str, Chosen]:
    chosen: dict[str, Chosen] = {}
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise _wrong("--set", InvalidEncoding(f"KEY=VALUE is expected, got {override!r}"))
        if key not in SETTINGS:
            raise _unknown("--set", key, [*SETTINGS])
        chosen[key] = _from_text(key, value, "--set")
    return chosen


def _from_text(key: str, text_: str, source: str) -> Chosen:
    try:
        return Chosen(SETTINGS[key].from_text(text_), source, Path.cwd())
    except Invalid as error:
        raise _wrong(source, error.within(key)) from None


def _seat(table: object, place: int, folder: Path) -> Seat:
    try:
        return _checked_seat(table, folder)
    except Invalid as error:
        raise error.within(f"{SEATS}[{place}]") from None


def _checked_seat(table: object, folder: Path) -> Seat:
    if not isinstance(table, dict):
        raise InvalidEncoding("a table [[seats]] is expected")
    settings = settings_of(Seat)
    for key in table:
        if key not in settings:
            raise InvalidEncoding(_suggestion(key, list(settings)), field=key)
    values: list[object] = []
    for key, setting in settings.items():
        if key not in table:
            raise InvalidEncoding("missing", field=key)
        try:
            values.append(setting.parse(table[key], folder))
        except Invalid as error:
            raise error.within(key) from None
    return Seat(*values)  # type: ignore[arg-type]  # each parser gives its field's type


def _wrong(source: str, error: Invalid) -> Usage:
    field = f"{source}: {error.field}" if error.field else source
    return Usage(error.message, field=field, code="invalid-config")


def _unknown(source: str, key: str, known: Sequence[str]) -> Usage:
    return _wrong(source, InvalidEncoding(_suggestion(key, known), field=key))


def _suggestion(key: str, known: Sequence[str]) -> str:
    close = get_close_matches(key, known, n=1)
    if close:
        return f"no such setting; did you mean {close[0]}?"
    return f"no such setting; there are {', '.join(known)}"
