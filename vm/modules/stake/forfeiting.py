"""Forfeiting: a share of what an account has at stake is taken from it."""

from vm.modules.chain import chain_constants
from vm.modules.stake.bonding import change_bond
from vm.modules.stake.releasing import release_less
from vm.modules.stake.tables import BONDED, BONDS, MAX_RELEASING, RELEASING, UNBONDING
from vm.modules.tokens import drain_pot
from vm.parameter import PARTS_PER_MILLION
from vm.view import State


def forfeit(state: State, account: bytes, ppm: int) -> int:
    """Take this share of what an account has bonded, and of each amount that it has unbonded and
    not got back yet, each rounded down; the units taken, which are the caller's to put somewhere.
    """
    asset = chain_constants(state).native_asset
    row = BONDS.get(state, account)
    bonded = 0 if row is None else row.units * ppm // PARTS_PER_MILLION
    if bonded:
        change_bond(state, account, -bonded)
        drain_pot(state, BONDED, asset, bonded)
    taken = bonded
    for (_, time_ms), held in list(RELEASING.scan(state, account, limit=MAX_RELEASING)):
        units = held.units * ppm // PARTS_PER_MILLION
        if units:
            release_less(state, account, time_ms, units)
            drain_pot(state, UNBONDING, asset, units)
            taken += units
    return taken
