"""What answers of commands say, read for the checks of stories."""

from consensus.kinds import Json, JsonObject
from tests.stories.telling import Telling


def number(amount: Json) -> int:
    """An amount, as answers spell it."""
    assert isinstance(amount, str | int)
    return int(amount)


def items(answer: JsonObject, name: str) -> list[JsonObject]:
    """The objects of a list in an answer."""
    found = answer[name]
    assert isinstance(found, list)
    objects = [each for each in found if isinstance(each, dict)]
    assert len(objects) == len(found)
    return objects


async def held(story: Telling, name: str, asset: str) -> int:
    """The units of an asset that an account holds."""
    balances = items(await story.ask(f"reelect account show {name}"), "balances")
    return sum(number(each["amount"]) for each in balances if each["asset"] == asset)


async def in_pot(story: Telling, pot: str, asset: str) -> int:
    """The units of an asset in a pot."""
    holds = (await story.ask(f"reelect pot show {pot}"))["holds"]
    assert isinstance(holds, dict)
    return number(holds.get(asset, 0))
