"""A page in a browser plays a published video, and a published page runs in none."""

import json
import shutil

import pytest

from tests.api.served import served
from tests.api.world import World
from tests.gateway.published import Published
from tests.gateway.test_clients import node

MISSING = "no browser: install Chromium (Debian package chromium)"


def test_a_page_plays_a_video_and_seeks_in_it(world: World, published: Published) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.fail(MISSING, pytrace=False)
    with served(world.services) as url:
        asked = {
            "browser": browser,
            "video": f"{url}/ipfs/{published.film}",
            "page": f"{url}/ipfs/{published.films}/page.html",
        }
        seen = node("browser.mjs", json.dumps(asked))
    assert set(seen.pop("statuses")) == {206}
    assert seen == {
        "size": [320, 240],
        "duration": 6,
        "hasPlayed": True,
        "sought": 5,
        "isPicture": True,
        "dialogs": [],
        "download": "page.html",
    }
