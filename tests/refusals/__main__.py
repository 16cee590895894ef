"""`python -m tests.refusals [MODULE...]` renews the stories and outcomes of modules, or of all.

A story that still goes as it is told, with as much that may go wrong, stays as it is; others are
looked for. What nothing was found for is named.
"""

import argparse

from tests.refusals.made import made_stories
from tests.refusals.outcomes import keep_outcomes
from tests.refusals.story import keep_stories, stories_of
from tests.refusals.telling import Search, goes
from vm.registry import REGISTRY


def renew(module: str) -> None:
    """Renew what is kept of this module."""
    tags = [tag for tag in REGISTRY.actions if tag.startswith(f"{module}.")]
    made = {story.tag for story in made_stories()}.intersection(tags)
    told = (story for story in stories_of(module) if story.tag in tags and story.tag not in made)
    kept = {story.tag: story for story in told if goes(story)}
    wanted = [tag for tag in tags if tag not in kept and tag not in made]
    found = {story.tag: story for story in Search(module, wanted).stories()} if wanted else {}
    keep_stories(module, [*kept.values(), *found.values()])
    keep_outcomes(module)
    print(f"{module}: {len(kept)} stories kept, {len(found)} found, {len(made)} made", flush=True)
    for tag in wanted:
        if tag not in found:
            print(f"  no story of {tag}: no walk came upon one; add one to tests/refusals/made.py")


def main() -> None:
    """Renew what is asked for."""
    modules = sorted({tag.partition(".")[0] for tag in REGISTRY.actions})
    parser = argparse.ArgumentParser(prog="python -m tests.refusals")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="all if none is named")
    for module in parser.parse_args().modules or modules:
        if module not in modules:
            parser.error(f"no module {module} has actions; known are {', '.join(modules)}")
        renew(module)


if __name__ == "__main__":
    main()
