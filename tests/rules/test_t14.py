"""T14: each action and each table is there by HTTP, as the OpenAPI document describes it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import urlopen

from tests.api.served import served_world
from tests.rules.disabled import Disabled
from vm.declare import sentence_of
from vm.registry import REGISTRY

DISABLED = Disabled("node.api.app.ENDPOINTS", ())


@contextmanager
def node() -> Iterator[str]:
    """The address of a node's API."""
    with TemporaryDirectory() as folder, served_world(Path(folder)) as (_, url):
        yield url


def ask(url: str) -> Any:
    """A JSON answer."""
    with urlopen(url) as answer:
        return json.load(answer)


def forms(schema: Any) -> Iterator[dict[str, Any]]:
    """The forms of actions in a schema, at any depth: governed ones are within proposals."""
    if isinstance(schema, dict):
        if "const" in schema.get("properties", {}).get("type", {}):
            yield schema
        for part in schema.values():
            yield from forms(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from forms(part)


def test_every_action_is_described_in_the_openapi_document() -> None:
    with node() as url:
        page = ask(f"{url}/v1/openapi.json")
    body = page["paths"]["/v1/transactions"]["post"]["requestBody"]
    described = {
        form["properties"]["type"]["const"]: (form["description"], set(form["properties"]))
        for form in forms(body)
    }
    assert described == {
        action.type.tag: (
            sentence_of(action.type),
            {"type", *(field.name for field in action.type.fields)},
        )
        for module in REGISTRY.modules
        for action in module.actions
    }


def test_every_table_has_a_query_and_says_what_its_rows_are() -> None:
    filled = set[str]()
    with node() as url:
        listed = {each["table"]: each for each in ask(f"{url}/v1/tables")["items"]}
        assert set(listed) == {table.name for table in REGISTRY.tables.values()}
        for name, table in listed.items():
            assert table["sentence"]
            described = table["row_schema"]["properties"]
            for item in ask(f"{url}/v1/tables/{name}/rows?limit=1&finality=head")["items"]:
                filled.add(name)
                assert set(item["key"]) == set(table["key"]) == set(described["key"]["properties"])
                assert set(item["row"]) == set(described["row"]["properties"])
    assert {"token.balance", "producer.producer", "chain.constants"} <= filled
