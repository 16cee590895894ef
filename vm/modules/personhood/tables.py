"""Who counts where something is paid by the head or by a concave curve (ECONOMIES section 0): who
is attested, or holds a minimum bond."""

from vm.declare import Module
from vm.modules.account import is_attested
from vm.modules.stake import bonded_by
from vm.view import View

personhood = Module("personhood", "Who counts as one person, where something is paid by the head.")

BOND_UNITS = personhood.parameter(
    "bond_units",
    default=0,
    minimum=0,
    maximum=10**18,
    unit="units",
    sentence="The bond, in native units, by which an account counts that is not attested; 0: none "
    "does.",
)


def is_person(view: View, account: bytes) -> bool:
    """Whether the account counts as one: it is attested, or has bonded the minimum."""
    if is_attested(view, account):
        return True
    least = BOND_UNITS.read(view)
    return 0 < least <= bonded_by(view, account)
