"""`reelect producer`: who holds the seats and who stands for them; register, update, stand."""

import os
from pathlib import Path

import trio
from cyclopts import App

from consensus.address import format_address
from consensus.keys import KeyPair
from consensus.kinds import Json, JsonObject
from node.amounts import format_amount, format_percent
from node.client import Client
from node.commands.arguments import JsonFlag
from node.commands.asking import (
    NO_NODE_OPTIONS,
    KnownAsset,
    NodeOptions,
    known_asset,
    local_accounts,
)
from node.commands.profile_options import NO_PROFILE_OPTIONS, ProfileOptions
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, check_action, send
from node.commands.standings import Standing, Standings, find_standing, read_standings
from node.config.sections import ClientSection
from node.config.sources import load_config
from node.failure import Refused, Usage
from node.new_node import new_commitment
from node.output import print_fields, print_json, print_line, print_table, progress
from node.query.chain_view import Finality
from node.wallet.derivation import KeyKind
from node.wallet.keystore import Keystore
from node.wallet.seed_file import create_seed_file, read_seed_file
from vm.modules.producer import (
    BEACONS,
    FIRST_COMMISSION,
    NO_PROFILE,
    NOT_REGISTERED,
    PRODUCERS,
    Beacon,
    Commission,
    Commitment,
    Deregister,
    Producer,
    Register,
    Rotate,
    Stand,
    Update,
    possession_message,
)

app = App(name="producer", help="Look at producers; register, update, stand for election, resign.")


@app.command(name="list")
async def list_(*, options: NodeOptions = NO_NODE_OPTIONS, json: JsonFlag = False) -> None:
    """List the producers: who holds a seat, who stands, whom the next epoch elects.

    SEAT is the set of the newest block, NEXT the one that the present votes make at the next
    epoch; VOTES are the tokens that are bonded for each; HERE are those that the asked node runs.
    PRODUCED and MISSED count slots of this epoch; KEEPS is the commission, EARNED all rewards so
    far.
    """
    async with options.client() as client:
        found = await read_standings(client)
        if json:
            print_json(_json_of_all(found))
            return
        asset = await known_asset(client)
    print_fields(_summary(found))
    print_line("")
    columns = (
        *(
            "NAME",
            "SEAT",
            "STANDS",
            "VOTES",
            "NEXT",
            "HERE",
            "PRODUCED",
            "MISSED",
            "KEEPS",
            "EARNED",
        ),
        "ACCOUNT",
    )
    print_table(columns, (_row(item, asset, found.answer.epoch) for item in found.items))


@app.command
async def show(
    producer: str, *, options: NodeOptions = NO_NODE_OPTIONS, json: JsonFlag = False
) -> None:
    """Show one producer: its keys, whether it stands, its reveals, and when its turn comes.

    Parameters
    ----------
    producer
        Its address, the name of an account in the local network or the keystore, or the name
        that it registered.
    """
    async with options.client() as client:
        found = await read_standings(client)
        item = await find_standing(client, found, options.section, producer)
        asset = await known_asset(client)
        address = format_address(item.producer)
        answer = await client.row(BEACONS.name, address, finality=Finality.HEAD)
    beacon = None if answer is None else Beacon.from_json(answer.item.row)
    if json:
        print_json(_json(item) | {"beacon": None if beacon is None else beacon.to_json()})
    else:
        print_fields(_fields(found, item, beacon, asset))


@app.command
async def register(
    *,
    name: str | None = None,
    consensus_key_file: Path | None = None,
    beacon_seed_file: Path | None = None,
    about: ProfileOptions = NO_PROFILE_OPTIONS,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Make the account that sends (--from) a producer that stands for election.

    Its keys are those of the account's [[seats]] in the configuration, as `reelect init --seats`
    writes it, or those named here; their secrets stay where they are. Have the node with these
    keys follow the chain first: it may be elected at the next epoch.

    Parameters
    ----------
    name
        The producer's name; else the account's in the local network or the keystore.
    consensus_key_file
        Seed of the consensus key; else the seat's.
    beacon_seed_file
        Seed of the beacon reveals; else the seat's.
    """
    async with options.client() as client:
        sender = await options.sender(client)
    key_file, seed_file = _seat_files(options, sender, consensus_key_file, beacon_seed_file)
    called = name or _name_here(options.section, sender)
    key = KeyPair.from_seed(read_seed_file(key_file, KeyKind.CONSENSUS))
    seed = read_seed_file(seed_file, KeyKind.BEACON)
    profile, ppm = about.profile(NO_PROFILE), about.commission_ppm(FIRST_COMMISSION.ppm)
    unproved = Commitment(bytes(8), bytes(32), 2)
    # What takes long comes after what can be wrong.
    check_action(Register(key.public, called, profile, ppm, unproved, bytes(64)))
    commitment = await trio.to_thread.run_sync(new_commitment, seed)
    async with options.client() as client:
        chain = (await client.status()).chain
        proof = key.sign(possession_message(chain, sender, key.public))
        action = Register(key.public, called, profile, ppm, commitment, proof)
        shown: JsonObject = {"producer": format_address(sender), "name": called}
        await send(client, options, [action], as_json=json, about=shown)
        await _tell(client, options, sender)


@app.command
async def update(
    *,
    name: str | None = None,
    about: ProfileOptions = NO_PROFILE_OPTIONS,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Change the name, profile or commission of the producer that sends (--from); the rest stays.

    Another commission counts only some epochs later (`reelect producer show` says when), so that
    those who approve the producer can leave first.

    Parameters
    ----------
    name
        The producer's new name.
    """
    async with options.client() as client:
        row = await _registered(client, await options.sender(client))
        action = Update(
            row.name if name is None else name,
            about.profile(row.profile),
            about.commission_ppm(row.commission.next_ppm),
        )
        if action == Update(row.name, row.profile, row.commission.next_ppm):
            raise Usage("say what to change: --name, --website, …, --commission", field="--name")
        await send(client, options, [action], as_json=json)


async def _registered(client: Client, account: bytes) -> Producer:
    """The producer's row at the head; raises Refused."""
    answer = await client.row(PRODUCERS.name, format_address(account), finality=Finality.HEAD)
    if answer is None:
        raise Refused(NOT_REGISTERED.sentence, field="--from", code=NOT_REGISTERED.code)
    return Producer.from_json(answer.item.row)


@app.command
def new_key(file: Path, *, json: JsonFlag = False) -> None:
    """Make a new consensus key, for `reelect producer rotate`.

    Then give the producer's node a second table [[seats]] in its configuration, with this key and
    the account and beacon seed of the first, and start it again: it signs with the key that the
    set of the time has.

    Parameters
    ----------
    file
        A seed file that is not there yet; only its owner can read it.
    """
    made: JsonObject = {"file": str(file), "key": create_seed_file(file, KeyKind.CONSENSUS)}
    if json:
        print_json(made)
    else:
        print_fields(made)


@app.command
async def rotate(
    file: Path, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Give the producer that sends (--from) another consensus key, which no producer ever had.

    The new key makes blocks and votes from the next handover on, which comes with the next epoch
    if the producer is elected; until then the old one does. Keep both on the node till then, and
    the old one secret for the chain's unbonding time: so long the producer answers for it.

    Parameters
    ----------
    file
        Seed file of the new key, from `reelect producer new-key`; the node must have it already.
    """
    key = KeyPair.from_seed(read_seed_file(file, KeyKind.CONSENSUS))
    async with options.client() as client:
        sender = await options.sender(client)
        chain = (await client.status()).chain
        proof = key.sign(possession_message(chain, sender, key.public))
        about: JsonObject = {"producer": format_address(sender), "key": key.public.hex()}
        action = Rotate(key.public, proof)
        await send(client, options, [action], as_json=json, about=about)
        await _tell(client, options, sender)


@app.command
async def deregister(*, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False) -> None:
    """Let the account that sends (--from) be a producer no longer.

    First resign, and wait until the seat is gone. It can register again, with a new key.
    """
    async with options.client() as client:
        await send(client, options, [Deregister()], as_json=json)


@app.command
async def stand(*, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False) -> None:
    """Let the producer that sends (--from) stand for election at the next epoch.

    The 21 candidates with the most votes (`reelect vote`) are elected; of equals the first by
    address.
    """
    await _set_standing(options, standing=True, as_json=json)


@app.command
async def resign(*, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False) -> None:
    """Let the producer that sends (--from) stand no longer; it keeps its seat until the next epoch.

    If fewer than 4 producers stand, the set stays as it is.
    """
    await _set_standing(options, standing=False, as_json=json)


async def _set_standing(options: SendOptions, *, standing: bool, as_json: bool) -> None:
    async with options.client() as client:
        await send(client, options, [Stand(standing)], as_json=as_json)
        await _tell(client, options, await options.sender(client))


async def _tell(client: Client, options: SendOptions, producer: bytes) -> None:
    """Say to people what the next election brings the producer, once a block has its wish."""
    if not options.leaves_a_block:
        return
    found = await read_standings(client)
    item = next((item for item in found.items if item.producer == producer), None)
    if item is not None:
        gets = "gets a seat" if item.elected else "gets no seat"
        progress(f"{item.row.name} {gets} at the next epoch, which begins {_when(found)}")


def _seat_files(
    options: SendOptions, account: bytes, key_file: Path | None, seed_file: Path | None
) -> tuple[Path, Path]:
    """The files of the account's consensus key and beacon seed; raises Usage."""
    if key_file is not None and seed_file is not None:
        return key_file, seed_file
    for seat in load_config(options.config, (), os.environ).seats:
        if seat.account == account:
            return key_file or seat.consensus_key_file, seed_file or seat.beacon_seed_file
    raise Usage(
        f"the configuration has no [[seats]] of {format_address(account)}: name the one that has "
        "with --config, or the seed files with --consensus-key-file and --beacon-seed-file",
        field="--consensus-key-file" if key_file is None else "--beacon-seed-file",
    )


def _name_here(section: ClientSection, account: bytes) -> str:
    """What the account is called in the local network or the keystore; raises Usage."""
    local = local_accounts(section)
    names = {} if local is None else local.by_name()
    found = [name for name, known in names.items() if known == account]
    address = format_address(account)
    stored = Keystore(section.keystore).keys()
    found += [key.name for key in stored if key.id == address]
    if not found:
        raise Usage("the account has no name here: choose the producer's", field="--name")
    return found[0]


def _when(found: Standings) -> str:
    slot = found.next_epoch_slot
    return f"with slot {slot}, in {found.seconds_until(slot):.0f} s"


def _summary(found: Standings) -> JsonObject:
    answer = found.answer
    return {
        "dynasty": answer.dynasty,
        "quorum": f"{answer.quorum} of {len(answer.items)}",
        "epoch": f"{answer.epoch}; the next begins {_when(found)}",
        "next set": _change(found),
        "slots counted": f"{answer.first_slot} to {answer.last_slot}",
        "at height": answer.at.height,
    }


def _change(found: Standings) -> str:
    """What the next election changes, in words."""
    coming = [item.row.name for item in found.items if item.elected and item.member is None]
    going = [item.row.name for item in found.items if not item.elected and item.member is not None]
    if not coming and not going:
        return "as now"
    return "; ".join(
        f"{verb} {', '.join(names)}" for verb, names in (("in", coming), ("out", going)) if names
    )


def _row(item: Standing, asset: KnownAsset, epoch: int) -> tuple[object, ...]:
    member = item.member
    return (
        item.row.name,
        member is not None,
        _standing(item),
        format_amount(item.votes, asset.decimals),
        item.elected,
        item.here,
        None if member is None else member.produced,
        None if member is None else member.missed,
        format_percent(item.row.commission.at(epoch)),
        format_amount(item.earned, asset.decimals),
        format_address(item.producer),
    )


def _standing(item: Standing) -> object:
    if item.offence is not None:
        return "barred"
    return item.stands if item.suspension is None else "suspended"


def _fields(
    found: Standings, item: Standing, beacon: Beacon | None, asset: KnownAsset
) -> JsonObject:
    member, offence = item.member, item.offence
    turns = [turn for turn in found.answer.schedule if turn.producer == item.producer]
    fields: JsonObject = {
        "name": item.row.name,
        "account": format_address(item.producer),
        "website": item.row.profile.website,
        "contact": item.row.profile.contact,
        "description": item.row.profile.description,
        "commission": _commission(item.row.commission, found.answer.epoch),
        "consensus key": item.row.key.hex(),
        "seat": "no" if member is None else f"yes, in dynasty {found.answer.dynasty}",
        "stands": item.stands,
        "votes": asset.format(item.votes),
        "earned": asset.format(item.earned),
        "next epoch": f"{'a seat' if item.elected else 'no seat'}; it begins {_when(found)}",
        "run by this node": item.here,
    }
    fields = {label: value for label, value in fields.items() if value != ""}
    if offence is not None:
        fields["barred"] = f"for ever: {offence.offence} in slot {offence.slot}"
    if item.suspension is not None:
        missed = item.suspension.slots - item.suspension.produced
        fields["suspended"] = (
            f"missed {missed} of {item.suspension.slots} slots in epoch {item.suspension.epoch}; "
            "`reelect producer stand` asks back in"
        )
    if member is not None:
        fields["slots"] = f"{member.produced} produced, {member.missed} missed in this epoch"
    if turns:
        seconds = found.seconds_until(turns[0].slot)
        fields["next turn"] = f"slot {turns[0].slot}, in {seconds:.0f} s"
    if beacon is not None:
        fields["reveals used"] = f"{beacon.used} of {beacon.chain.length}"
        fields["reveals that follow"] = "registered" if beacon.following else "not registered yet"
    return fields


def _commission(commission: Commission, epoch: int) -> str:
    """What the producer keeps, and what it is going to."""
    shown = format_percent(commission.at(epoch))
    if epoch >= commission.from_epoch:
        return shown
    return f"{shown}; {format_percent(commission.next_ppm)} from epoch {commission.from_epoch} on"


def _json_of_all(found: Standings) -> JsonObject:
    answer, items = found.answer, list[Json](map(_json, found.items))
    return {
        "dynasty": answer.dynasty,
        "epoch": answer.epoch,
        "quorum": answer.quorum,
        "next_epoch": {
            "epoch": found.next_epoch,
            "slot": found.next_epoch_slot,
            "time_ms": found.time_ms(found.next_epoch_slot),
        },
        "first_slot": answer.first_slot,
        "last_slot": answer.last_slot,
        "at": answer.at.to_json(),
        "producers": items,
    }


def _json(item: Standing) -> JsonObject:
    member = item.member
    return {
        "producer": format_address(item.producer),
        "name": item.row.name,
        "key": item.row.key.hex(),
        "profile": item.row.profile.to_json(),
        "commission": item.row.commission.to_json(),
        "seat": member is not None,
        "stands": item.stands,
        "votes": str(item.votes),
        "earned": str(item.earned),
        "elected": item.elected,
        "offence": None if item.offence is None else item.offence.to_json(),
        "suspension": None if item.suspension is None else item.suspension.to_json(),
        "here": item.here,
        "produced": None if member is None else member.produced,
        "missed": None if member is None else member.missed,
    }
