"""Updating: what a producer says about itself, and the share of its earnings that it keeps."""

from consensus.kinds import AccountId
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.producer.tables import (
    NOT_REGISTERED,
    PRODUCERS,
    Commission,
    Ppm,
    Producer,
    ProducerName,
    Profile,
    producer,
)
from vm.parameter import PARTS_PER_MILLION
from vm.view import View

MIN_COMMISSION_PPM = producer.parameter(
    "min_commission_ppm",
    default=0,
    minimum=0,
    maximum=PARTS_PER_MILLION,
    unit="ppm",
    sentence="The least share of its earnings that a producer may choose to keep.",
)
MAX_COMMISSION_PPM = producer.parameter(
    "max_commission_ppm",
    default=PARTS_PER_MILLION,
    minimum=0,
    maximum=PARTS_PER_MILLION,
    unit="ppm",
    sentence="The largest share of its earnings that a producer may choose to keep.",
)
COMMISSION_EPOCHS = producer.parameter(
    "commission_epochs",
    default=2,
    minimum=1,
    maximum=10_000,
    unit="epochs",
    sentence="How long before it counts a producer must announce another commission, so that who "
    "approves it can leave first: with 2 at least one whole epoch.",
)

COMMISSION_BOUNDS = producer.error(
    "commission-bounds", "The commission is not within what this chain allows."
)


@producer.event
@record("producer.updated")
class Updated(Record):
    """A producer has these name, profile and commission from now on."""

    producer: AccountId
    name: ProducerName
    profile: Profile
    commission: Commission


@producer.action(gas=3_000)
@record("producer.update")
class Update(Action):
    """Change what a producer says about itself at once, and its commission after
    `producer.commission_epochs`. What it announces last counts; to announce the same again moves
    nothing."""

    name: ProducerName
    profile: Profile
    commission_ppm: Ppm

    def apply(self, context: Context) -> None:
        row = PRODUCERS.get(context.state, context.sender)
        if row is None:
            raise NOT_REGISTERED.failed()
        commission = row.commission
        if self.commission_ppm != commission.next_ppm:
            check_commission(context.state, self.commission_ppm)
            epoch = context.block.epoch
            counts_from = epoch + COMMISSION_EPOCHS.read(context.state)
            commission = Commission(commission.at(epoch), self.commission_ppm, counts_from)
        made = Producer(row.key, self.name, self.profile, commission)
        PRODUCERS.put(context.state, made, context.sender)
        context.emit(Updated(context.sender, self.name, self.profile, commission))


def check_commission(view: View, ppm: int) -> None:
    """Raise ActionFailed (commission-bounds) unless a producer may choose this share."""
    least, most = MIN_COMMISSION_PPM.read(view), MAX_COMMISSION_PPM.read(view)
    if not least <= ppm <= most:
        raise COMMISSION_BOUNDS.failed(
            f"{ppm} ppm; between {least} and {most} are allowed", field="commission_ppm"
        )


def commission_ppm(view: View, producer_id: bytes, epoch: int) -> int:
    """The share of its earnings in an epoch that a producer keeps; nothing, if it is none any
    more."""
    row = PRODUCERS.get(view, producer_id)
    return 0 if row is None else row.commission.at(epoch)
