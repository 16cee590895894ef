"""Collecting: the platform's fee of a payment between users goes into the pot `revenue` (P4)."""

from vm.context import Context
from vm.modules.tokens import fill_pot
from vm.parameter import PARTS_PER_MILLION

REVENUE_POT = "revenue"


def collect(
    context: Context, *, payer: bytes, provider: bytes, asset: str, gross: int, fee_ppm: int
) -> int:
    """Take the platform's fee, `fee_ppm` of `gross` rounded down, of what a payer pays a provider;
    returns the fee. `gross` was taken from the payer before; the caller gives the provider the
    rest."""
    fee = gross * fee_ppm // PARTS_PER_MILLION
    fill_pot(context.state, REVENUE_POT, asset, fee)
    return fee
