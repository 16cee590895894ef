"""`reelect config`: what the settings are, and where each comes from."""

import os
from pathlib import Path
from typing import Annotated, cast

from cyclopts import App, Parameter

from consensus.address import format_address
from consensus.kinds import Json
from node.commands.arguments import JsonFlag
from node.config.sources import gather
from node.output import print_json, print_table

app = App(name="config", help="Show the configuration.")


@app.command
def show(
    *,
    config: Path | None = None,
    set_: Annotated[tuple[str, ...], Parameter(name="--set", negative=())] = (),
    json: JsonFlag = False,
) -> None:
    """Check the configuration and print every setting with its source.

    Parameters
    ----------
    config
        Configuration file; else $REELECT_CONFIG, else ~/.reelect/node/config.toml, else that of the
        local network.
    set_
        section.key=value, overriding file and environment; can be repeated.
    """
    choices = gather(config, set_, os.environ)
    seats = choices.config().seats
    if json:
        settings = {
            key: {"value": cast(Json, item.value), "source": item.source}
            for key, item in choices.settings.items()
        }
        addresses = [format_address(seat.account) for seat in seats]
        print_json({"settings": settings, "seats": addresses})
        return
    rows = [(key, item.value, item.source) for key, item in choices.settings.items()]
    for place, seat in enumerate(seats):
        rows.append((f"seats[{place}]", format_address(seat.account), str(choices.file)))
    print_table(("SETTING", "VALUE", "SOURCE"), rows)
