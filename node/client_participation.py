"""The part of a node's HTTP API that is about taking part, as commands use it.

GET  /v1/tasks                       TasksAnswer
GET  /v1/tasks/{task}                TaskAnswer
GET  /v1/tasks/{task}/claims         ClaimsAnswer; ?waiting=true
GET  /v1/accounts/{address}/checkin  CheckinAnswer
"""

from collections.abc import AsyncIterator

from consensus.address import format_address
from node.client_connection import Connection
from node.query.chain_view import Finality
from node.query.participation_answers import (
    CheckinAnswer,
    ClaimItem,
    ClaimsAnswer,
    TaskAnswer,
    TaskItem,
    TasksAnswer,
)


class ParticipationClient(Connection):
    """Calls about tasks and check-ins."""

    def tasks(self, *, most: int, finality: Finality) -> AsyncIterator[TaskItem]:
        """The tasks that are not closed, the oldest first, so many at most."""
        return self._items(TasksAnswer, "/v1/tasks", {}, finality, most)

    async def task(self, task: int, *, finality: Finality) -> TaskItem:
        """A task; raises Refused."""
        path, query = f"/v1/tasks/{task}", {"finality": finality.value}
        return (await self._get(TaskAnswer, path, query)).item

    def claims(
        self, task: int, *, waiting: bool, most: int, finality: Finality
    ) -> AsyncIterator[ClaimItem]:
        """The claims on a task, or those that are not decided, so many at most; raises Refused."""
        path, query = f"/v1/tasks/{task}/claims", {"waiting": "true" if waiting else "false"}
        return self._items(ClaimsAnswer, path, query, finality, most)

    async def checkin(self, account: bytes, *, finality: Finality) -> CheckinAnswer:
        """How check-ins stand for an account."""
        path = f"/v1/accounts/{format_address(account)}/checkin"
        return await self._get(CheckinAnswer, path, {"finality": finality.value})
