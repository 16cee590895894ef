"""The outcomes of all cases, as they are kept in `outcomes/MODULE.txt`, a line a case."""

from pathlib import Path

from tests.refusals.cases import cases_of
from tests.refusals.made import made_stories
from tests.refusals.story import Story, stories_of

OUTCOMES = Path(__file__).parent / "outcomes"


def stories_told(module: str) -> list[Story]:
    """The module's stories, found and made, by the type of action that they are about."""
    made = (story for story in made_stories() if story.tag.startswith(f"{module}."))
    return sorted([*stories_of(module), *made], key=lambda story: story.tag)


def outcomes_of(module: str) -> str:
    """What becomes of each case of the module's stories."""
    return "".join(
        f"{story.tag} {case.what} -> {case.outcome}\n"
        for story in stories_told(module)
        for case in cases_of(story)
    )


def kept_outcomes(module: str) -> str:
    """What became of them when it was last looked at; nothing for a module that is new."""
    file = OUTCOMES / f"{module}.txt"
    return file.read_text("utf-8") if file.exists() else ""


def keep_outcomes(module: str) -> None:
    """Keep what becomes of them now."""
    (OUTCOMES / f"{module}.txt").write_text(outcomes_of(module), "utf-8")
