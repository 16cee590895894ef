"""A preset with shorter days, so that what takes months can be watched in minutes."""

from collections.abc import Mapping

from consensus.kinds import Json
from vm.parameter import Parameter

SHORTEST_S = 60  # people must be able to vote in it
SECONDS = "_s"


def with_days_of(document: Mapping[str, Json], usual_s: int, day_s: int) -> dict[str, Json]:
    """The preset's document with days of `day_s` seconds instead of `usual_s`: whatever lasts a
    day or longer shortens in proportion (`scaled`)."""
    changed = {name: _scaled_in(value, usual_s, day_s) for name, value in document.items()}
    return changed | {"economy": {"day_s": day_s}}


def with_defaults_of(
    values: Mapping[str, int], parameters: Mapping[str, Parameter], usual_s: int, day_s: int
) -> dict[str, int]:
    """The values, and those of all other parameters whose default lasts a day or longer."""
    defaults = {
        name: max(parameter.minimum, scaled(parameter.default, usual_s, day_s))
        for name, parameter in parameters.items()
        if name.endswith(SECONDS) and parameter.default >= usual_s
    }
    return defaults | dict(values)


def scaled(duration_s: int, usual_s: int, day_s: int) -> int:
    """A duration for days of `day_s` seconds, rounded up and a minute at least. What is shorter
    than a usual day, such as the time to answer a call, stays as it is; longer days lengthen
    nothing."""
    if duration_s < usual_s or day_s >= usual_s:
        return duration_s
    return max(SHORTEST_S, -(-duration_s * day_s // usual_s))


def _scaled_in(value: Json, usual_s: int, day_s: int) -> Json:
    if isinstance(value, dict):
        return {
            name: scaled(inner, usual_s, day_s)
            if name.endswith(SECONDS) and isinstance(inner, int)
            else _scaled_in(inner, usual_s, day_s)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_scaled_in(inner, usual_s, day_s) for inner in value]
    return value
