"""The API's address from the start of the process on: before the node runs it says why not."""

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from node.api.problems import RETRY_AFTER_S, Problem

STARTING = "starting"


class Front:
    """Answers every call with 503 and what the node is doing, until `open` gives it the API."""

    def __init__(self, describe: Callable[[], str]) -> None:
        self._describe = describe
        self._app: ASGIApp | None = None

    def open(self, app: ASGIApp) -> None:
        """Let the API answer from now on."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call (ASGI)."""
        if self._app is not None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            detail = f"the node is not ready yet: {self._describe()}"
            headers = {"retry-after": str(RETRY_AFTER_S)}
            problem = Problem(503, STARTING, detail, headers=headers)
            await problem.response()(scope, receive, send)
