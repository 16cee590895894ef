"""Forfeiting: a share of what an account has at stake is taken from it."""

from vm.context import Context
from vm.modules.chain import chain_constants
from vm.modules.producer import BONDED_POT
from vm.modules.stake.bonding import change_bond
from vm.modules.stake.releasing import put_releases, releases_of
from vm.modules.stake.tables import AGENDA, BONDS, UNBONDING_POT, Release
from vm.modules.tokens import drain_pot
from vm.parameter import PARTS_PER_MILLION
from vm.view import State


def forfeit(context: Context, account: bytes, ppm: int) -> int:
    """Take this share of what an account has bonded, and of each amount that it has unbonded and
    not got back yet, each rounded down; the units taken, which are the caller's to put somewhere.
    """
    return _of_bond(context, account, ppm) + _of_releases(context.state, account, ppm)


def _of_bond(context: Context, account: bytes, ppm: int) -> int:
    state = context.state
    row = BONDS.get(state, account)
    taken = 0 if row is None else row.units * ppm // PARTS_PER_MILLION
    if taken:
        change_bond(context, account, -taken)
        drain_pot(state, BONDED_POT, chain_constants(state).native_asset, taken)
    return taken


def _of_releases(state: State, account: bytes, ppm: int) -> int:
    before, left = releases_of(state, account), list[Release]()
    for release in before:
        units = release.units - release.units * ppm // PARTS_PER_MILLION
        if units:
            left.append(Release(release.time_ms, units))
        else:
            AGENDA.remove(state, release.time_ms, account)
    taken = sum(each.units for each in before) - sum(each.units for each in left)
    if taken:
        put_releases(state, account, left)
        drain_pot(state, UNBONDING_POT, chain_constants(state).native_asset, taken)
    return taken
