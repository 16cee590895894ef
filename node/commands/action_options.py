"""Commands made from the declarations of actions: an option for each field."""

import json as json_
from inspect import Parameter as Argument
from inspect import Signature
from typing import Annotated, Protocol

from cyclopts import Parameter

from consensus.address import format_address
from consensus.errors import Invalid, InvalidEncoding
from consensus.kinds import Account, Json, Kind, Many, Nullable
from consensus.record import Field, Nested
from node.client import Client
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import find_account
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.failure import Usage
from vm.declare import Action, sentence_of
from vm.forms import formed
from vm.table import json_of_text


class Command(Protocol):
    """A command that sends an action; `texts` are the action's fields."""

    async def __call__(
        self, *, options: SendOptions = NO_SEND_OPTIONS, json: bool = False, **texts: str | None
    ) -> None: ...


def action_command(action: type[Action]) -> Command:
    """The command that sends this action; its options are the action's fields."""

    async def command(
        *, options: SendOptions = NO_SEND_OPTIONS, json: bool = False, **texts: str | None
    ) -> None:
        async with options.client() as client:
            made = await read_action(client, action, texts, options)
            await send(client, options, [made], as_json=json)

    describe(command, action)
    return command


def describe(command: Command, action: type[Action], *more: Argument) -> None:
    """Let the command framework see a command's options: `more`, one for each field of the action,
    and those of sending; its help is the action's sentence."""
    shared = [
        Argument("options", Argument.KEYWORD_ONLY, annotation=SendOptions, default=NO_SEND_OPTIONS),
        Argument("json", Argument.KEYWORD_ONLY, annotation=JsonFlag, default=False),
    ]
    arguments = [*more, *map(_argument, action.fields), *shared]
    # What the framework reads instead of the function's own arguments.
    command.__dict__["__signature__"] = Signature(arguments)
    command.__annotations__ = {item.name: item.annotation for item in arguments}
    command.__doc__ = sentence_of(action)


def _option(field: Field) -> str:
    return "--" + field.name.replace("_", "-")


def _argument(field: Field) -> Argument:
    annotation = Annotated[str | None, Parameter(name=_option(field), help=_help(field.kind))]
    if isinstance(field.kind, Nullable):
        return Argument(field.name, Argument.KEYWORD_ONLY, annotation=annotation, default=None)
    return Argument(field.name, Argument.KEYWORD_ONLY, annotation=annotation)


def _help(kind: Kind) -> str:
    return f"{kind.label}, as JSON" if _is_composed(kind) else kind.label


async def read_action(
    client: Client, action: type[Action], texts: dict[str, str | None], options: SendOptions
) -> Action:
    """The action of these fields, as they are spelled in options; raises Usage naming the field."""
    given: dict[str, Json] = {}
    for field in action.fields:
        text = texts.get(field.name)
        if text is not None:
            given[field.name] = await _json_of(client, field, text, options)
    try:
        return formed(action).from_json(given)
    except Invalid as error:
        raise Usage(str(error), code=error.code) from error


async def _json_of(client: Client, field: Field, text: str, options: SendOptions) -> Json:
    kind = field.kind.kind if isinstance(field.kind, Nullable) else field.kind
    if isinstance(kind, Account):
        return format_address(await find_account(client, options.section, text, _option(field)))
    if _is_composed(kind):
        return argument(_option(field), _parse_json, text)
    return json_of_text(kind, text)


def _is_composed(kind: Kind) -> bool:
    inner = kind.kind if isinstance(kind, Nullable) else kind
    return isinstance(inner, Nested | Many)


def _parse_json(text: str) -> Json:
    try:
        parsed: Json = json_.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidEncoding(f"not JSON: {error}") from None
    return parsed
