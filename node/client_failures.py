"""How what goes wrong with a node's API becomes a failure of a command."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from consensus.kinds import Json
from node.failure import Failure, Refused, TimedOut, Unreachable, Usage
from node.query.answers import PROBLEM_PREFIX


class Missing(Refused):
    """What was asked for is not there, or the node does not know it."""

    code = "not-found"


def checked_url(url: str) -> str:
    """A node's address without a slash at its end; raises Usage."""
    try:
        parsed = httpx.URL(url)
        port_fits = parsed.port is None or 0 < parsed.port < 65_536
    except (httpx.InvalidURL, ValueError) as error:
        raise Usage(f"{url!r} is not an address: {error}", field="client.node") from error
    if (
        parsed.scheme not in ("http", "https")
        or not parsed.host
        or not port_fits
        or parsed.query
        or parsed.fragment
    ):
        raise Usage(f"http://host:port is expected, got {url!r}", field="client.node")
    return url.rstrip("/")


@contextmanager
def clear_failures(base_url: str) -> Iterator[None]:
    """Turn what httpx raises into Unreachable and TimedOut."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise Unreachable(
            f"no node answers at {base_url}: start one, or name another with --node"
        ) from error
    except httpx.TimeoutException as error:
        raise TimedOut(f"the node at {base_url} does not answer in time") from error
    except httpx.HTTPError as error:
        raise Unreachable(f"the connection to the node at {base_url} broke: {error}") from error


def refusal_of(response: httpx.Response, content: bytes) -> Failure:
    """The failure that a node's problem (RFC 9457) stands for."""
    try:
        problem: Json = json.loads(content)
    except (ValueError, RecursionError):
        problem = None
    if not isinstance(problem, dict) or not str(problem.get("type")).startswith(PROBLEM_PREFIX):
        return Refused(
            f"{response.url} answers {response.status_code}: it is no reelect node",
            code="not-a-node",
        )
    code = str(problem["type"]).removeprefix(PROBLEM_PREFIX)
    message = str(problem.get("detail", problem.get("title", code)))
    field = str(problem.get("field", ""))
    if response.status_code == 504:
        return TimedOut(message, field=field, code=code)
    if code == Missing.code:
        return Missing(message, field=field)
    return Refused(message, field=field, code=code)
