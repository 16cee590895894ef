"""How help and usage errors read: paragraphs fill the terminal, labels stand apart."""

from textwrap import fill
from typing import TYPE_CHECKING

from cyclopts import CycloptsError, MissingArgumentError, UnusedCliTokensError

from node.failure import Usage

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console, ConsoleOptions

MAX_WIDTH = 100
WIDER_THAN_ANY_LINE = 10_000
# Defaults that say no more than that the option was left out.
SILENT_DEFAULTS = ("False", "()", '""', "''")


class HelpPages:
    """Writes the pages of `COMMAND --help` for cyclopts."""

    def __call__(self, console: "Console", options: "ConsoleOptions", panel: "HelpPanel") -> None:
        """A heading with its commands in columns, or its parameters over their texts."""
        if not panel.entries:
            return
        _print(console, f"{panel.title}:")
        column = max(len(_label(entry)) for entry in panel.entries) + 4
        for entry in panel.entries:
            if panel.format == "command":
                _print(
                    console, _filled(console, _about(console, entry), f"  {_label(entry)}", column)
                )
            else:
                _print(console, f"  {_label(entry)}")
                _print(console, _filled(console, _about(console, entry), "", 6))
        _print(console, "")

    def render_usage(self, console: "Console", options: "ConsoleOptions", usage: object) -> None:
        """The line that shows the order of arguments."""
        text = _plain(console, usage).removeprefix("Usage:").strip()
        _print(console, _filled(console, text, "Usage:", len("Usage: ")) + "\n")

    def render_description(
        self, console: "Console", options: "ConsoleOptions", description: object
    ) -> None:
        """The docstring, paragraph by paragraph."""
        for paragraph in _plain(console, description).strip().split("\n\n"):
            _print(console, _filled(console, paragraph, "", 0) + "\n")


class BadCommandLine(Usage):
    """A command line that does not fit its command; the message names the field itself."""

    def __str__(self) -> str:
        return self.message


def usage_of(error: CycloptsError) -> BadCommandLine:
    """What is wrong with a command line, with which field, and where to read how it goes."""
    field = ""
    if error.argument is not None:
        field = error.argument.name
        if error.argument.field_info.is_positional:
            field = field.lstrip("-").upper()
    return BadCommandLine(_sentence(error, field), field=field)


def _sentence(error: CycloptsError, field: str) -> str:
    command = " ".join(("reelect", *(error.command_chain or ())))
    if isinstance(error, MissingArgumentError) and field:
        if error.keyword is not None:
            return f"{error.keyword} needs a value; see `{command} --help`"
        return f"{field} is missing; see `{command} --help`"
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return f"{error.unused_tokens[0]!r} is too much; see `{command} --help`"
    error.verbose = False
    return str(error)


def _label(entry: "HelpEntry") -> str:
    labels = entry.display_labels_with_metavar
    # A positional argument can also be given as --name: its name in capitals is enough.
    first = labels[0] if labels else ""
    return first if first.isupper() else ", ".join(labels)


def _about(console: "Console", entry: "HelpEntry") -> str:
    parts = [_plain(console, entry.description)]
    if entry.choices:
        parts.append(f"[choices: {', '.join(entry.choices)}]")
    if entry.default is not None and entry.default not in SILENT_DEFAULTS:
        parts.append(f"[default: {entry.default}]")
    if entry.required:
        parts.append("[required]")
    return " ".join(parts)


def _plain(console: "Console", text: object) -> str:
    """What a renderable says, with its own line ends only."""
    if text is None:
        return ""
    with console.capture() as capture:
        console.print(text, width=WIDER_THAN_ANY_LINE, highlight=False, markup=False, end="")
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def _filled(console: "Console", text: str, label: str, column: int) -> str:
    """`text` from a column on, after the label before it."""
    return fill(
        " ".join(text.split()),
        min(console.width, MAX_WIDTH),
        initial_indent=label.ljust(column),
        subsequent_indent=" " * column,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _print(console: "Console", text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
