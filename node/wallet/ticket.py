"""Tickets as text, on their way between the two sides of a session (P7).

    ticket:KG…

is the base64url (RFC 4648, without padding) of a SignedTicket's canonical bytes: one line, which
can be sent in any message.
"""

import base64
import binascii

from consensus.errors import Invalid, InvalidEncoding
from consensus.keys import KeyPair
from consensus.kinds import Signature
from consensus.record import Record, record, replace
from vm.modules.sessions import Settle, Ticket

PREFIX = "ticket:"
MAX_TEXT_BYTES = 1024


@record("sessions.signed_ticket")
class SignedTicket(Record):
    """A ticket with the caller's signature and, once it has countersigned, the provider's."""

    ticket: Ticket
    caller_signature: Signature
    provider_signature: Signature | None

    def countersigned(self, key: KeyPair) -> "SignedTicket":
        """The ticket with the provider's signature too."""
        return replace(self, provider_signature=key.sign(self.ticket.encode()))

    def settle(self) -> Settle:
        """The action that shows it."""
        ticket = self.ticket
        return Settle(
            ticket.session,
            ticket.seconds,
            ticket.is_last,
            self.caller_signature,
            self.provider_signature,
        )

    def text(self) -> str:
        """Its one line."""
        return PREFIX + base64.urlsafe_b64encode(self.encode()).decode().rstrip("=")


def sign_ticket(ticket: Ticket, key: KeyPair) -> SignedTicket:
    """A ticket with the caller's signature."""
    return SignedTicket(ticket, key.sign(ticket.encode()), None)


def parse_ticket(text: str) -> SignedTicket:
    """The ticket of a line; raises InvalidEncoding for anything else. Nothing is verified."""
    if not text.startswith(PREFIX):
        raise InvalidEncoding(f"a line that begins with {PREFIX} is expected")
    spelled = text.removeprefix(PREFIX)
    try:
        data = base64.b64decode(spelled + "=" * (-len(spelled) % 4), b"-_", validate=True)
        return SignedTicket.decode(data)
    except (binascii.Error, ValueError, Invalid) as error:
        raise InvalidEncoding(
            f"not a ticket as it was made ({error}): a piece is missing, or was changed"
        ) from None
