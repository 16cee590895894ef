"""Endpoints about taking part: tasks, claims on them, and check-ins."""

from starlette.responses import Response

from node.api.endpoint import Call, Endpoint, json_answer
from node.api.node_access import json_response
from node.api.paging import paged
from node.api.parameters import ACCOUNT, CURSOR, FINALITY, TASK, WAITING, limit
from node.query import participation_queries, state_queries
from node.query.participation_answers import (
    CheckinAnswer,
    ClaimsAnswer,
    TaskAnswer,
    TasksAnswer,
)

LIMIT = limit(100)


async def _tasks(call: Call) -> Response:
    return await paged(call, LIMIT, participation_queries.tasks)


async def _task(call: Call) -> Response:
    view = call.node.view(call.value(FINALITY))
    return json_response(participation_queries.task(view, call.value(TASK)))


async def _claims(call: Call) -> Response:
    view, number = call.node.view(call.value(FINALITY)), call.value(TASK)
    waiting, size, cursor = call.value(WAITING), call.value(LIMIT), call.value(CURSOR)
    return await call.node.in_thread(
        lambda: json_response(
            participation_queries.claims(view, number, waiting=waiting, limit=size, cursor=cursor)
        )
    )


async def _checkin(call: Call) -> Response:
    view = call.node.view(call.value(FINALITY))
    account = state_queries.account_of(view, call.value(ACCOUNT))
    return json_response(participation_queries.checkin(view, account))


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/tasks",
        "listTasks",
        "Tasks that are proposed, can be claimed, or are to be decided on.",
        _tasks,
        json_answer(TasksAnswer),
        params=(FINALITY, LIMIT, CURSOR),
    ),
    Endpoint(
        "GET",
        "/v1/tasks/{task}",
        "getTask",
        "A task: what is to be done, and what it pays.",
        _task,
        json_answer(TaskAnswer),
        params=(TASK, FINALITY),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/tasks/{task}/claims",
        "listClaims",
        "The claims on a task, with their evidence and what was decided.",
        _claims,
        json_answer(ClaimsAnswer),
        params=(TASK, WAITING, FINALITY, LIMIT, CURSOR),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/accounts/{address}/checkin",
        "getCheckin",
        "The period for which accounts check in, and what an account has in it and gets back.",
        _checkin,
        json_answer(CheckinAnswer),
        params=(ACCOUNT, FINALITY),
        problems=(404,),
    ),
)
