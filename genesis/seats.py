"""The seats of a local network: what its producers and spare producers are called."""

from collections.abc import Mapping
from typing import Annotated

from consensus.errors import Invalid
from consensus.kinds import Json
from consensus.producers import MAX_PRODUCERS
from consensus.record import AtMost, Record, part
from vm.modules.producer import ProducerName

Names = Annotated[tuple[ProducerName, ...], AtMost(MAX_PRODUCERS)]


@part
class Seats(Record):
    """`[seats]`: the names of a local network's producers, in order, and of its spare ones, of
    which it has so many if nothing else is asked for. Those that are left out are producer-0,
    producer-1 and so on."""

    producers: Names
    spares: Names


def parse_seats(section: Mapping[str, Json]) -> Seats:
    """Read the section `[seats]`, which may be left out; raises Invalid naming the key at fault."""
    try:
        return Seats.from_json({"producers": [], "spares": [], **section})
    except Invalid as error:
        raise error.within("seats") from None
