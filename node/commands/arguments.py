"""Types of arguments that several commands take."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, TypeVar

from cyclopts import Parameter, validators

from consensus.errors import Invalid, InvalidEncoding
from consensus.kinds import JSON_INTEGER_MAX
from node.config.sections import ClientSection
from node.config.sources import load_config
from node.failure import Refused, Usage

S = TypeVar("S")
T = TypeVar("T")

JsonFlag = Annotated[bool, Parameter(name="--json", negative=(), help="Print JSON.")]
ConfigFile = Annotated[
    Path | None,
    Parameter(
        name="--config",
        help="Configuration file; else $REELECT_CONFIG, else ~/.reelect/node/config.toml.",
    ),
]
Overrides = Annotated[
    tuple[str, ...],
    Parameter(
        name="--set",
        negative=(),
        help="section.key=value, overriding file and environment; can be repeated.",
    ),
]

Number = Annotated[int, Parameter(validator=validators.Number(gte=0, lte=JSON_INTEGER_MAX))]
Most = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=10_000))]


def argument(name: str, parse: Callable[[S], T], value: S) -> T:
    """`parse(value)`; what it rejects is a mistake in the argument `name`: exit code 2."""
    try:
        return parse(value)
    except Invalid as error:
        raise Usage(str(error), field=name, code=error.code) from error


def parse_time(text: str) -> int:
    """Ms from the Unix epoch of a time with its zone; raises InvalidEncoding."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidEncoding(
            f"a time with its zone is expected, such as 2030-01-31T12:00:00Z, got {text[:60]!r}"
        )
    return int(moment.timestamp() * 1000)


def client_section(file: Path | None, **flags: str | Path | None) -> ClientSection:
    """The settings `client.…`, those given as flags first (None: not given).

    Raises Usage for anything wrong in the configuration file `file`, see load_config, and for a
    wrong flag, named as people gave it.
    """
    given = [f"client.{key}={value}" for key, value in flags.items() if value is not None]
    try:
        return load_config(file, given, os.environ).client
    except Usage as error:
        error.field = error.field.replace("--set: client.", "--")
        raise


@contextmanager
def naming(file: Path) -> Iterator[None]:
    """What is rejected inside the `with` came from `file`: Refused, naming it."""
    try:
        yield
    except Invalid as error:
        field = f"{file}: {error.field}" if error.field else str(file)
        raise Refused(error.message, field=field, code=error.code) from error
    except (ValueError, RecursionError) as error:
        raise Refused(f"unreadable: {error}", field=str(file), code="invalid-encoding") from error
