"""Producer records: made by both keys, and refused if anything in them changed."""

import json

import pytest

from consensus.errors import Invalid, InvalidEncoding, InvalidSignature
from consensus.record import replace
from genesis.producer_record import ProducerRecord, make_producer_record, read_producer_record
from tests.vm.world import commitment_of, key

RECORD = make_producer_record(key("account"), key("consensus"), "anna-1", commitment_of(0))


def test_a_record_comes_back_from_its_file() -> None:
    text = json.dumps(RECORD.to_file())
    assert read_producer_record(json.loads(text)) == RECORD


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        (replace(RECORD, name="ben"), "account_signature"),
        (replace(RECORD, producer=key("other").public), "account_signature"),
        (replace(RECORD, key=key("other").public), "account_signature"),
        (replace(RECORD, commitment=commitment_of(1)), "account_signature"),
        (replace(RECORD, account_signature=bytes(64)), "account_signature"),
        (replace(RECORD, key_signature=bytes(64)), "key_signature"),
    ],
)
def test_a_changed_record_is_refused(changed: ProducerRecord, field: str) -> None:
    with pytest.raises(InvalidSignature) as caught:
        read_producer_record(changed.to_file())
    assert caught.value.field == field


def test_the_consensus_key_is_not_the_accounts() -> None:
    made = make_producer_record(key("account"), key("account"), "anna", commitment_of(0))
    with pytest.raises(InvalidEncoding) as caught:
        made.check()
    assert caught.value.field == "key"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": "genesis"}, ""),
        ({"version": 2}, "version"),
        ({"name": "anna\u202e"}, "name"),
        ({"producer": "reel1"}, "producer"),
        ({"commitment": {}}, "commitment.salt"),
        ({"colour": 1}, "colour"),
    ],
)
def test_bad_fields_of_a_file_are_named(change: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_producer_record({**RECORD.to_file(), **change})  # type: ignore[dict-item]
    assert caught.value.field == field


def test_each_field_of_a_file_is_needed() -> None:
    whole = RECORD.to_file()
    for name in whole:
        with pytest.raises(Invalid):
            read_producer_record({key: whole[key] for key in whole if key != name})
    with pytest.raises(Invalid):
        read_producer_record([])
