"""Letters as `reelect mail` shows them."""

from consensus.address import format_address
from consensus.kinds import JsonObject
from node.commands.own_mailbox import Received
from node.output import print_fields, print_line, utc


def received_form(item: Received, *, is_read: bool = False) -> JsonObject:
    """A letter as commands show it; the text of one that burns only once it is read."""
    letter = item.letter
    return {
        "id": item.id,
        "from": "anonymous" if item.author is None else format_address(item.author),
        "group": None if item.group is None else item.group.name,
        "sent": utc(letter.sent_ms),
        "expires": utc(item.envelope.head.expires_ms),
        "burn": letter.burn,
        "text": letter.text if is_read or not letter.burn else None,
    }


def print_letter(form: JsonObject) -> None:
    """A letter that is read, for people."""
    print_fields({name: value for name, value in form.items() if name != "text"})
    print_line("")
    for line in str(form["text"]).splitlines():
        print_line(line)
