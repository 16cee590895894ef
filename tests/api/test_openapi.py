"""The OpenAPI page, by a client that nobody here wrote: schemathesis."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis import Case, HookContext

from consensus.address import format_address
from consensus.cid import RAW, cid_of
from consensus.codec import encode
from node.api.app import ENDPOINTS
from node.api.endpoint import CBOR
from node.api.openapi import openapi
from tests.api.served import served_world
from tests.api.world import ALICE, BOB, GENESIS, World
from tests.node.network import transfer
from tests.vm.world import publish

Call = Callable[[Case[Any]], object]

FEW_ACTIONS = ("token.transfer", "account.attest", "market.place")

# No schema can spell checksums, nonces and balances, or how long all headers may be together.
ACCEPTABLE = ["2xx", "400", "404", "422", "431"]


def page_of_few_actions() -> dict[str, Any]:
    """The page, whose bodies take a few actions only: schemathesis takes minutes, in each process
    that runs tests, to make up cases for hundreds of alternatives; `tests/refusals` tries each
    field of all."""
    page: dict[str, Any] = json.loads(json.dumps(openapi(ENDPOINTS)))
    for path in ("/v1/transactions", "/v1/transactions/simulate"):
        body = page["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        (form,) = (each for each in body["schema"]["anyOf"] if "actions" in each["properties"])
        actions = form["properties"]["actions"]["items"]
        actions["oneOf"] = [each for each in actions["oneOf"] if each["title"] in FEW_ACTIONS]
        assert len(actions["oneOf"]) == len(FEW_ACTIONS)
    return page


# The streams never end, and that of mail is a WebSocket: they have their own tests.
PAGE = schemathesis.openapi.from_dict(page_of_few_actions()).exclude(
    path=["/v1/events", "/v1/mail/stream"]
)
PAGE.config.checks.positive_data_acceptance.expected_statuses = ACCEPTABLE
PAGE.config.checks.negative_data_rejection.expected_statuses = ["4xx"]

KNOWN_CONTENT = b"known"

schemathesis.openapi.media_type(
    CBOR,
    st.binary(max_size=64) | st.lists(st.binary(max_size=8)).map(lambda items: encode([*items])),
)

# What the served world holds: generated path parameters of the right form and size become these.
KNOWN = {
    "cid": ("b[a-z2-7]{58}", [str(cid_of(RAW, KNOWN_CONTENT))]),
    "address": ("reel1.{58}", [format_address(ALICE.public), format_address(BOB.public)]),
    "table": (".+", ["token.balance", "chain.constants", "parameter.value"]),
    "key": (".+", [f"{format_address(ALICE.public)}/REEL"]),
    "block": ("[0-9]+", ["0", "1", "2", "3"]),
    "height": ("[0-9]{1,15}", ["0", "1", "2", "3"]),
    "index": ("[0-9]{1,15}", ["0", "1", "2", "99"]),
    "block_id": ("b[a-z2-7]{58}", [str(GENESIS.header.id()), str(cid_of(RAW, b"no block"))]),
}


@PAGE.hook
def map_path_parameters(
    context: HookContext, path_parameters: dict[str, object] | None
) -> dict[str, object] | None:
    return path_parameters and {n: known(n, str(v)) for n, v in path_parameters.items()}


def known(name: str, value: str) -> str:
    pattern, values = KNOWN.get(name, ("", []))
    return values[len(value) % len(values)] if values and re.fullmatch(pattern, value) else value


def fill(world: World) -> None:
    world.slots([1, 2], [transfer(world.chain, ALICE, BOB.public, 5, 0)])
    world.slots([3, 4])
    world.content.put(cid_of(RAW, KNOWN_CONTENT), KNOWN_CONTENT)
    world.publish(publish(KNOWN_CONTENT), [5, 6, 7, 8])


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Call]:
    with served_world(Path(tmp_path_factory.mktemp("served"))) as (world, url):
        fill(world)
        with requests.Session() as session:
            yield lambda case: case.call_and_validate(base_url=url, session=session)


@PAGE.parametrize()
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_endpoint_is_as_the_page_says(case: Case[Any], call: Call) -> None:
    call(case)


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [endpoint.name for endpoint in ENDPOINTS]
    assert sorted(set(names)) == sorted(names)


def test_every_record_that_the_page_refers_to_is_on_it() -> None:
    text = json.dumps(openapi(ENDPOINTS))
    named = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert named == set(json.loads(text)["components"]["schemas"])
