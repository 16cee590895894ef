"""The account keys at hand, and which of them sign for a transaction's parties."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cyclopts import Parameter

from consensus.address import format_address, parse_address
from consensus.keys import KeyPair
from node.commands.arguments import client_section
from node.commands.asking import NodeOptions, local_accounts
from node.commands.keystore_options import ask_password
from node.config.sections import ClientSection
from node.failure import Refused
from node.wallet.derivation import KeyKind
from node.wallet.keystore import Keystore
from vm.modules.account import Authority, fewest_of, is_authorized


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class WalletOptions(NodeOptions):
    """Whom to ask, and the keys that sign.

    Parameters
    ----------
    keystore
        Folder of the encrypted keys; else `client.keystore` of the configuration.
    password_file
        File whose first line is the keystore's password; else $REELECT_PASSWORD, else a prompt.
    """

    keystore: Path | None = None
    password_file: Path | None = None

    @property
    def section(self) -> ClientSection:
        """The settings of commands, with the keystore that was named."""
        return client_section(self.config, node=self.node, keystore=self.keystore)

    @property
    def wallet(self) -> "Wallet":
        """The keys at hand."""
        return Wallet(self.section, self.password_file)


NO_WALLET_OPTIONS = WalletOptions()


@dataclass(slots=True)
class Wallet:
    """The keys of the local network's accounts and of a keystore, whose password is asked for
    once."""

    section: ClientSection
    password_file: Path | None
    _password: str | None = field(default=None, init=False, repr=False)

    def held(self, keys: Collection[bytes]) -> list[bytes]:
        """Those of these public keys that are here, in order."""
        local = local_accounts(self.section)
        stored = Keystore(self.section.keystore).keys()
        here = {parse_address(key.id) for key in stored if key.kind is KeyKind.ACCOUNT}
        return [
            key for key in sorted(keys) if key in here or (local is not None and local.holds(key))
        ]

    def pairs(self, keys: Sequence[bytes]) -> list[KeyPair]:
        """These keys with their secrets; raises Refused for one that is not here."""
        local, store = local_accounts(self.section), Keystore(self.section.keystore)
        pairs: list[KeyPair] = []
        for key in keys:
            if local is not None and local.holds(key):
                pairs.append(local.key(key))
                continue
            name = store.find(format_address(key)).name
            self._password = self._password or ask_password(self.password_file)
            pairs.append(KeyPair.from_seed(store.seed(name, self._password)))
        return pairs

    def enough(self, authorities: Sequence[Authority]) -> list[KeyPair]:
        """As few keys as may act for all these parties; raises Refused if too few are here."""
        keys = {item.key for authority in authorities for item in authority.keys}
        held = self.held(keys)
        if not is_authorized(authorities, held):
            absent = ", ".join(format_address(key) for key in sorted(keys.difference(held)))
            raise Refused(
                f"too few keys are here to sign; absent are {absent}. `reelect keys list` shows "
                "what there is; --unsigned FILE lets others sign (`reelect tx sign`)",
                field=str(self.section.keystore),
                code="unknown-key",
            )
        return self.pairs(sorted(fewest_of(authorities, held)))
