"""Each story comes true, and its page is what it says."""

from pathlib import Path

import pytest
import trio

from tests.end_to_end.commands import ROOT
from tests.stories import STORIES, tell
from tests.stories.telling import skeleton

DEADLINE_S = 900


@pytest.mark.parametrize("name", STORIES)
def test_a_story_comes_true(name: str, tmp_path: Path) -> None:
    async def told() -> str:
        with trio.fail_after(DEADLINE_S):
            return await tell(name, tmp_path)

    page = (ROOT / "docs" / "stories" / f"{name}.md").read_text()
    assert skeleton(trio.run(told)) == skeleton(page), (
        f"renew it: python -m tests.stories {name} > docs/stories/{name}.md"
    )


def test_a_page_without_its_output_is_told_apart_by_its_commands() -> None:
    one = "# A\n\n```console\n$ reelect x bafyaaaaaa1\nout 1\n```\n\nText."
    assert skeleton(one) == skeleton(one.replace("out 1", "out 2").replace("aaa1", "aaa2"))
    assert skeleton(one) != skeleton(one.replace("reelect x", "reelect y"))
    assert skeleton(one) != skeleton(one.replace("Text", "Words"))
