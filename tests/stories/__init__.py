"""Stories of communities, told on real local networks: tests, and pages in `docs/stories`."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from tests.stories.kol import KOL_ALLIANCE
from tests.stories.palchain import PALCHAIN
from tests.stories.telling import Story, on_network
from tests.stories.wepos import WEPOS
from tests.stories.wetoken import WETOKEN

STORIES: Mapping[str, Story] = MappingProxyType(
    {"palchain": PALCHAIN, "wepos": WEPOS, "wetoken": WETOKEN, "kol": KOL_ALLIANCE}
)


async def tell(name: str, folder: Path) -> str:
    """Tell a story in an empty folder; its page."""
    story = STORIES[name]
    async with on_network(folder, story) as telling:
        telling.pages.append(story.opening())
        try:
            await story.tell(telling)
        except BaseException as error:
            error.add_note(telling.text())  # how far it came
            raise
    return telling.text()
