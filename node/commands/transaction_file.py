"""Transactions in files, on their way between those who sign them.

    {"format": "reelect-transaction/1", "transaction": {…}}

The transaction has the JSON form of the API, with the signatures so far; what is signed is what
is written.
"""

import json
from pathlib import Path

from consensus.errors import Invalid, InvalidEncoding
from consensus.kinds import Json
from consensus.transaction import MAX_TRANSACTION_BYTES, Transaction
from node.commands.arguments import naming
from node.files import read_bounded, replace, write_new
from vm.forms import transaction_from_json, transaction_to_json

FORMAT = "reelect-transaction/1"
MAX_FILE_BYTES = 8 * MAX_TRANSACTION_BYTES  # hex has two letters a byte, names and spaces the rest


def write_transaction(file: Path, transaction: Transaction) -> None:
    """Write a new file; raises Refused if it exists."""
    write_new(file, _content(transaction))


def replace_transaction(file: Path, transaction: Transaction) -> None:
    """Write a file anew: for one that gets signatures and is otherwise the same."""
    replace(file, _content(transaction))


def read_transaction(file: Path) -> Transaction:
    """The transaction of a file, whose signatures so far verify; raises Refused, naming the file
    and the field at fault."""
    content = read_bounded(file, MAX_FILE_BYTES)
    with naming(file):
        transaction = _parsed(json.loads(content))
        transaction.check_signatures()
    return transaction


def _parsed(form: Json) -> Transaction:
    if not isinstance(form, dict) or form.keys() != {"format", "transaction"}:
        raise InvalidEncoding("not a transaction file: format and transaction are expected")
    if form["format"] != FORMAT:
        raise InvalidEncoding(f"{FORMAT} is expected", field="format")
    try:
        return transaction_from_json(form["transaction"])
    except Invalid as error:
        raise error.within("transaction") from None


def _content(transaction: Transaction) -> bytes:
    form = {"format": FORMAT, "transaction": transaction_to_json(transaction)}
    return json.dumps(form, indent=2, ensure_ascii=False).encode() + b"\n"
