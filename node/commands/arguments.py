"""Types of arguments that several commands take."""

from collections.abc import Callable
from typing import Annotated, TypeVar

from cyclopts import Parameter

from consensus.errors import Invalid
from node.failure import Usage

T = TypeVar("T")

JsonFlag = Annotated[bool, Parameter(name="--json", negative=(), help="Print JSON.")]


def argument(name: str, parse: Callable[[str], T], text: str) -> T:
    """`parse(text)`; what it rejects is a mistake in the argument `name`: exit code 2."""
    try:
        return parse(text)
    except Invalid as error:
        raise Usage(str(error), field=name, code=error.code) from error
