"""Collecting: the platform's fee of a payment between users goes into the pot `revenue` (P4), and
counts as consumption (P2)."""

from vm.context import Context
from vm.modules.rebate.noting import note_fee
from vm.modules.revenue import take_in
from vm.parameter import PARTS_PER_MILLION


def collect(
    context: Context,
    *,
    source: str,
    payer: bytes,
    provider: bytes,
    asset: str,
    gross: int,
    fee_ppm: int,
) -> int:
    """Take the platform's fee, `fee_ppm` of `gross` rounded down, of what a payer pays a provider,
    and enter it in the day's account under `source`, the module that calls; returns the fee.
    `gross` was taken from the payer before; the caller gives the provider the rest. A fee of 0 is
    no entry."""
    fee = gross * fee_ppm // PARTS_PER_MILLION
    take_in(context.state, source=source, asset=asset, fee=fee)
    note_fee(context, payer=payer, provider=provider, asset=asset, fee=fee)
    return fee
