"""`python -m tests.stories NAME > docs/stories/NAME.md`: tell a story and write it down."""

import sys
import tempfile
from pathlib import Path

import trio

from tests.stories import STORIES, tell


def main() -> None:
    """The command."""
    if len(sys.argv) != 2 or sys.argv[1] not in STORIES:
        sys.exit(f"one of {', '.join(STORIES)} is expected")
    with tempfile.TemporaryDirectory() as folder:
        print(trio.run(tell, sys.argv[1], Path(folder)), end="")


main()
