"""Configuration files with every setting in them, explained."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from node.config.sections import SEATS, SECTIONS, Seat, settings_of
from node.config.setting import Raw
from node.config.sources import gather, variable_of
from node.files import replace


def config_toml(values: Mapping[str, Raw], seats: Sequence[Mapping[str, str]]) -> str:
    """A TOML file that sets `values` by key (`p2p.port`) and the seats.

    All other settings stand in it as comments with their defaults.
    """
    lines = [
        "# Configuration of a node and of the commands that ask one.",
        "# A setting's environment variable and --set section.key=value override it.",
        "# Paths are relative to this file's folder; lines that begin with # show defaults.",
    ]
    for name, section in SECTIONS.items():
        lines += ["", f"# {section.__doc__}", f"[{name}]"]
        for key, setting in settings_of(section).items():
            lines.append(f"# {setting.meaning} {variable_of(f'{name}.{key}')}")
            written = f"{name}.{key}" in values
            value = values.get(f"{name}.{key}", setting.default)
            lines.append(_line("" if written else "# ", key, value))
    lines += ["", f"# {Seat.__doc__}"]
    for seat in seats:
        lines += [f"[[{SEATS}]]"]
        lines += [_line("", key, seat[key]) for key in settings_of(Seat)]
    return "\n".join(lines) + "\n"


def change_config_file(file: Path, values: Mapping[str, Raw]) -> None:
    """Set values by key in an existing file; the others that it sets stay, its comments not.

    Raises Usage for a file that cannot be read.
    """
    choices = gather(file, (), {})
    written = {
        key: cast(Raw, chosen.value)
        for key, chosen in choices.settings.items()
        if chosen.source == str(file)
    }
    seats = cast(Sequence[Mapping[str, str]], choices.seats)
    replace(file, config_toml(written | dict(values), seats).encode())


def _line(prefix: str, key: str, value: Raw) -> str:
    """JSON's strings, whole numbers and lists of strings are TOML's too."""
    return f"{prefix}{key} = {json.dumps(value, ensure_ascii=False)}"
