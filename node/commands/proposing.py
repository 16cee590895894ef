"""Commands that propose a governed action, made from its declaration: an option for each field."""

import json as json_
from inspect import Parameter as Argument
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from consensus.errors import Invalid
from consensus.kinds import Json
from node.commands.action_options import Command, describe, read_action
from node.commands.arguments import JsonFlag
from node.commands.proposal import Heading, send_proposal
from node.commands.sending import NO_SEND_OPTIONS, SendOptions
from node.failure import Usage
from node.files import read_bounded
from vm.declare import Action
from vm.forms import GOVERNED
from vm.registry import REGISTRY

MAX_FILE_BYTES = 65_536

app = App(
    name="propose",
    help="Propose what a policy allows: one command for each action, or a file of several.",
)

Policy = Annotated[
    str, Parameter(name="--policy", help="Policy that it is proposed under: `reelect policy list`.")
]
Title = Annotated[
    str | None, Parameter(name="--title", help="What people read first; else what it does.")
]
Words = Annotated[str, Parameter(name="--about", help="Why: for people to read.")]
_COMMON = (
    Argument("policy", Argument.KEYWORD_ONLY, annotation=Policy),
    Argument("title", Argument.KEYWORD_ONLY, annotation=Title, default=None),
    Argument("about", Argument.KEYWORD_ONLY, annotation=Words, default=""),
)
_NAMES = {"policy", "title", "about"}


def _command(action: type[Action]) -> Command:
    """The command that proposes this action."""

    async def command(
        *, options: SendOptions = NO_SEND_OPTIONS, json: bool = False, **texts: str | None
    ) -> None:
        common = {name: texts.pop(name, None) for name in _NAMES}
        heading = Heading(common["policy"] or "", common["title"], common["about"] or "")
        async with options.client() as client:
            made = await read_action(client, action, texts, options)
            await send_proposal(client, options, heading, [made], as_json=json)

    describe(command, action, *_COMMON)
    return command


for _tag, _declared in REGISTRY.actions.items():
    if _declared.governed:
        app.command(_command(_declared.type), name=_tag)


@app.command(name="file")
async def file_(
    file: Path,
    *,
    policy: Policy,
    title: Title = None,
    about: str = "",
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Propose several actions together: all are carried out, or none.

    Parameters
    ----------
    file
        A JSON list of actions, each an object of its `type` and its fields.
    about
        Why: for people to read.
    """
    actions = _read_file(file)
    async with options.client() as client:
        await send_proposal(client, options, Heading(policy, title, about), actions, as_json=json)


def _read_file(file: Path) -> list[Action]:
    try:
        items: Json = json_.loads(read_bounded(file, MAX_FILE_BYTES))
    except (ValueError, RecursionError) as error:
        raise Usage(f"{file} is not JSON: {error}", field="FILE") from error
    if not isinstance(items, list):
        raise Usage(f"{file}: a JSON list of actions is expected", field="FILE")
    actions: list[Action] = []
    for i, item in enumerate(items):
        try:
            actions.append(REGISTRY.unpack_governed(GOVERNED.from_json(item)))
        except Invalid as error:
            inner = error.within(f"[{i}]")
            raise Usage(f"{file}: {inner}", field="FILE", code=error.code) from error
    return actions
