"""Who sends mail, by the chain: whose key it is, and whether its mail needs no work."""

from node.chain import Chain
from vm.modules.account import acts_for, is_attested
from vm.modules.chain import chain_constants
from vm.modules.tokens import balance_of
from vm.view import View


class ChainAccounts:
    """The accounts at a chain's head."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def acts_for(self, account: bytes, key: bytes) -> bool:
        """Whether the key is one of the account's."""
        return acts_for(self._view, account, key)

    def pays(self, account: bytes) -> bool:
        """Whether it is attested or holds the native asset: both cost somebody something."""
        view = self._view
        native = chain_constants(view).native_asset
        return is_attested(view, account) or balance_of(view, account, native) > 0

    @property
    def _view(self) -> View:
        return self._chain.state_of(self._chain.fork.head)
