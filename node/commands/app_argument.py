"""Arguments of `reelect app`: names of apps and of what is sold in them."""

from node.client import Client
from node.commands.arguments import argument
from node.query.app_answers import AppItem
from node.query.chain_view import Finality
from vm.modules.apps import ITEM_TEXT, NAME_TEXT


def app_name(text: str) -> str:
    """The text, if it can be an app's name; raises Usage."""
    argument("APP", NAME_TEXT.from_json, text)
    return text


def item_name(option: str, text: str) -> str:
    """The text, if it can be an item's name; raises Usage naming the option."""
    argument(option, ITEM_TEXT.from_json, text)
    return text


async def read_app(client: Client, text: str, finality: Finality) -> AppItem:
    """The app of this name; raises Usage for what can be none, and Refused if there is none."""
    return await client.app(app_name(text), finality=finality)
