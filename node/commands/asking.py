"""Commands that ask a node: their options, and names of accounts and assets."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cyclopts import Parameter

from consensus.address import format_address, parse_address
from consensus.errors import Invalid
from node.amounts import format_amount, parse_amount
from node.client import Client
from node.commands.arguments import argument, client_section
from node.commands.keystore_options import read_first_line
from node.config.sections import ClientSection
from node.failure import Refused, Usage
from node.local.accounts import LocalAccounts, read_local_accounts
from node.output import progress
from node.wallet.derivation import KeyKind
from node.wallet.keystore import Keystore
from vm.modules.account import HANDLE_TEXT, HANDLES, Handle
from vm.modules.chain import CONSTANTS
from vm.modules.tokens import ASSETS, AssetRow


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class NodeOptions:
    """Whom to ask.

    Parameters
    ----------
    node
        API of the node to ask; else `client.node` of the configuration.
    config
        Configuration file; else $REELECT_CONFIG, else ~/.reelect/node/config.toml, else that of the
        local network.
    """

    node: str | None = None
    config: Path | None = None

    @property
    def section(self) -> ClientSection:
        """The settings of commands."""
        return client_section(self.config, node=self.node)

    def client(self, admin_token_file: Path | None = None) -> Client:
        """The node to ask, with the admin token of a file if that is named."""
        token = None if admin_token_file is None else read_first_line(admin_token_file)
        return Client(self.section.node, token=token)


NO_NODE_OPTIONS = NodeOptions()


def local_accounts(section: ClientSection) -> LocalAccounts | None:
    """The accounts of the local network that the configuration names, if it does."""
    return None if section.accounts is None else read_local_accounts(section.accounts)


async def find_account(client: Client, section: ClientSection, text: str, option: str) -> bytes:
    """The account of an @handle, which the node looks up, or as `known_account` finds it.

    Raises Refused, naming the option, for a handle that no account has.
    """
    if not text.startswith("@"):
        return known_account(section, text, option)
    handle = argument(option, HANDLE_TEXT.from_json, text[1:])
    answer = await client.row(HANDLES.name, handle)
    row = None if answer is None else Handle.from_json(answer.item.row)
    if row is None or row.free_ms is not None:
        raise Refused(f"no account has the handle {text}", field=option, code="not-found")
    progress(f"{text} is {format_address(row.account)}")
    return row.account


async def find_accounts(
    client: Client, section: ClientSection, texts: Iterable[str], option: str
) -> list[bytes]:
    """The accounts of these, each as `find_account` finds it."""
    return [await find_account(client, section, text, option) for text in texts]


async def own_account(
    client: Client, section: ClientSection, text: str | None, option: str
) -> bytes:
    """The account that is named, as `find_account` finds it, else `client.account`; raises Usage
    naming the option if there is neither."""
    name = text or section.account
    if not name:
        raise Usage("name the account, or set client.account", field=option)
    return await find_account(client, section, name, option)


def known_account(section: ClientSection, text: str, option: str) -> bytes:
    """The account of an address, or of a name in the local network or the keystore.

    Raises Usage naming the option for anything else.
    """
    local = local_accounts(section)
    names = {} if local is None else local.by_name()
    if text in names:
        return names[text]
    stored = Keystore(section.keystore).keys()
    for key in stored:
        if key.kind is KeyKind.ACCOUNT and key.name == text:
            return parse_address(key.id)
    try:
        return parse_address(text)
    except Invalid as error:
        raise Usage(
            f"{error.message}; the name of an account is also possible"
            + ("" if local is None else f": {local.names()}"),
            field=option,
            code=error.code,
        ) from error


@dataclass(frozen=True, slots=True)
class KnownAsset:
    """An asset of the chain, and how its amounts are written."""

    symbol: str
    decimals: int

    def parse(self, option: str, text: str) -> int:
        """The units of an amount in whole tokens; raises Usage."""
        return argument(option, lambda amount: parse_amount(amount, self.decimals), text)

    def parse_positive(self, option: str, text: str) -> int:
        """The units of an amount that is more than nothing; raises Usage."""
        units = self.parse(option, text)
        if units == 0:
            raise Usage("more than 0 is expected", field=option, code="invalid-encoding")
        return units

    def format(self, units: int) -> str:
        """Units in whole tokens, with the symbol."""
        return f"{format_amount(units, self.decimals)} {self.symbol}"


async def known_asset(client: Client, symbol: str | None = None) -> KnownAsset:
    """The asset of this symbol, or the native one; raises Refused if there is none."""
    if symbol is None:
        (constants,) = [item async for item in client.rows(CONSTANTS.name)]
        symbol = str(constants.row["native_asset"])
    answer = await client.row(ASSETS.name, symbol)
    if answer is None:
        raise Refused(f"no asset {symbol} exists on this chain", field="asset")
    return KnownAsset(symbol, AssetRow.from_json(answer.item.row).decimals)


async def known_assets(client: Client, symbols: Iterable[str]) -> dict[str, KnownAsset]:
    """The assets of these symbols, each asked for once; raises as `known_asset`."""
    return {symbol: await known_asset(client, symbol) for symbol in sorted(set(symbols))}


async def head_time_ms(client: Client) -> int:
    """The chain's time: when the slot of the node's head began (ms from the Unix epoch)."""
    status = await client.status()
    return status.genesis_time_ms + status.head.slot * status.slot_ms
