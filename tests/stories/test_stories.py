"""Each story comes true, and its page is what it says."""

from pathlib import Path

import pytest
import trio

from tests.end_to_end.commands import ROOT
from tests.stories import STORIES, tell
from tests.stories.telling import skeleton

TELLERS = 2  # more at once make commands so slow that the days of a story pass between them
DEADLINE_S = 2_700  # most of the time they wait for days and votes to be over


@pytest.mark.timeout(DEADLINE_S + 60)
def test_stories_come_true_as_their_pages_say(tmp_path: Path) -> None:
    pages: dict[str, str] = {}

    waiting = sorted(STORIES)  # that of the KOL alliance, which is the longest, first

    async def tell_some() -> None:
        while waiting:
            name = waiting.pop(0)
            folder = tmp_path / name
            folder.mkdir()
            pages[name] = await tell(name, folder)

    async def tell_all() -> None:
        with trio.fail_after(DEADLINE_S):
            async with trio.open_nursery() as nursery:
                for _ in range(TELLERS):
                    nursery.start_soon(tell_some)

    trio.run(tell_all)
    for name, page in pages.items():
        written = (ROOT / "docs" / "stories" / f"{name}.md").read_text()
        assert skeleton(page) == skeleton(written), (
            f"renew it: python -m tests.stories {name} > docs/stories/{name}.md"
        )


def test_a_page_without_its_output_is_told_apart_by_its_commands() -> None:
    one = "# A\n\n```console\n$ reelect x bafyaaaaaa1 http://127.0.0.1:74\nout 1\n```\n\nText."
    assert skeleton(one) == skeleton(one.replace("out 1", "out 2").replace("aaa1", "aaa2"))
    assert skeleton(one) == skeleton(one.replace("127.0.0.1:74", "127.0.0.1:75"))
    assert skeleton(one) != skeleton(one.replace("reelect x", "reelect y"))
    assert skeleton(one) != skeleton(one.replace("Text", "Words"))
