"""Who may change a node by its API: store content, ban peers, disturb links."""

import hmac
import re

from node.api.endpoint import Call
from node.api.problems import Problem

LOOPBACK_NAME = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.ASCII)
# The statuses of its refusals, for the declaration of an endpoint that asks it.
ADMIN_PROBLEMS = (401, 403)


def check_admin(call: Call) -> None:
    """Raise Problem unless the caller may change this node: it has the admin token, or speaks
    to the node on its loopback address under a name of that.

    The name keeps out pages of strangers whose own name leads to this machine.
    """
    token = call.node.admin_token
    scheme, _, given = call.request.headers.get("authorization", "").partition(" ")
    if token is not None and scheme.lower() == "bearer":
        if hmac.compare_digest(given.strip().encode(), token.encode()):
            return
        raise _unauthorized("the admin token is wrong")
    if call.node.loopback and LOOPBACK_NAME.fullmatch(call.request.headers.get("host", "")):
        return
    if token is None:
        raise Problem(
            403,
            "no-admin-token",
            "this node is changed from its own machine only; set api.admin_token_file to let "
            "others in",
        )
    raise _unauthorized("send the admin token: authorization: Bearer …")


def _unauthorized(detail: str) -> Problem:
    return Problem(
        401,
        "unauthorized",
        detail,
        field="authorization",
        headers={"www-authenticate": "Bearer"},
    )
