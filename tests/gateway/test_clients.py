"""Clients of the IPFS project against a gateway: what it gives them they verify, and a false block
they refuse."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consensus.cid import Cid
from consensus.unixfs import directory_entries
from storage.content import ContentStore
from tests.api.served import served
from tests.api.world import World
from tests.gateway.published import FILM, Published

HERE = Path(__file__).parent
MISSING = (
    "clients of the IPFS project need Node.js 20.18 or newer and their packages: install nodejs "
    "and npm, then run `npm ci --prefix tests/gateway`"
)
NAME = "captions.vtt"
HUNG_S = 300
START, LENGTH = 262_000, 300_000


def node(script: str, stdin: str) -> Any:
    """What one of the scripts beside this file prints; fails the test if the machine cannot."""
    program = shutil.which("node")
    if program is None or not (HERE / "node_modules" / "@helia").is_dir():
        pytest.fail(MISSING, pytrace=False)
    done = subprocess.run(
        [program, str(HERE / script)],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=HUNG_S,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class LyingStore(ContentStore):
    """Changes a byte of a block that it gives out."""

    def __init__(self, truthful: ContentStore, about: Cid) -> None:
        self._truthful = truthful
        self._about = about

    def get(self, cid: Cid) -> bytes | None:
        data = self._truthful.get(cid)
        if data is not None and cid == self._about:
            return data[:-1] + bytes([data[-1] ^ 1])
        return data


@contextmanager
def gateway(world: World, lies_about: Cid | None = None) -> Iterator[str]:
    services = world.services
    if lies_about is not None:
        services = replace(services, content=LyingStore(world.content, lies_about))
    with served(services) as url:
        yield url


def ask(
    url: str, published: Published, head: Cid, *checks: str, patience_ms: int = 120_000
) -> dict[str, Any]:
    found: dict[str, Any] = node(
        "clients.mjs",
        json.dumps(
            {
                "gateway": url,
                "file": str(published.film),
                "start": START,
                "length": LENGTH,
                "directory": str(published.films),
                "name": NAME,
                "head": str(head),
                "checks": checks,
                "patience_ms": patience_ms,
            }
        ),
    )
    return found


def test_what_clients_of_ipfs_get_and_verify(world: World, published: Published) -> None:
    world.slots(range(1, 8))
    entries = directory_entries(world.content.get(published.films) or b"") or ()
    captions = next(entry.cid for entry in entries if entry.name == NAME)
    text = sha256(world.content.get(captions) or b"")
    part = sha256(FILM[START : START + LENGTH])
    checks = ("file", "range", "directory", "fetched", "fetchedRange", "car", "chain")
    with gateway(world) as url:
        found = ask(url, published, world.chain.fork.head.id, *checks)
    assert found == {
        "file": sha256(FILM),
        "range": part,
        "directory": [[entry.name, str(entry.cid)] for entry in entries],
        "fetched": [200, text],
        "fetchedRange": [206, part],
        "car": [[str(published.films)], [str(published.films), str(captions)]],
        "chain": list(range(7, -1, -1)),
    }


def test_what_clients_of_ipfs_refuse(world: World, published: Published) -> None:
    entries = directory_entries(world.content.get(published.films) or b"") or ()
    captions = next(entry.cid for entry in entries if entry.name == NAME)
    with gateway(world, lies_about=captions) as url:
        found = ask(url, published, captions, "range", "car", "fetched", patience_ms=6_000)
    assert found["range"] == sha256(FILM[START : START + LENGTH])
    assert "the bytes are not those of" in found["car"]["refused"]
    assert "refused" in found["fetched"]
