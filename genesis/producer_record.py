"""Producer records: how a producer introduces itself to whoever builds a genesis."""

from consensus.codec import encode
from consensus.errors import InvalidEncoding
from consensus.keys import KeyPair, check_signature
from consensus.kinds import AccountId, Json, JsonObject, PublicKey, Signature
from consensus.record import Record, record
from vm.modules.producer import Commitment, ProducerName


@record("producer-record")
class ProducerRecord(Record):
    """A producer's account, consensus key, name and first chain of reveals, signed by both keys
    over the encoding without the two signatures."""

    producer: AccountId
    key: PublicKey
    name: ProducerName
    commitment: Commitment
    account_signature: Signature
    key_signature: Signature

    def signing_bytes(self) -> bytes:
        """What both signatures cover."""
        return encode(self.pack()[:-2])

    def check(self) -> None:
        """Raise InvalidSignature or InvalidEncoding unless both keys agree to this record."""
        if self.producer == self.key:
            raise InvalidEncoding("must not be the account's key", field="key")
        message = self.signing_bytes()
        check_signature(self.producer, message, self.account_signature, field="account_signature")
        check_signature(self.key, message, self.key_signature, field="key_signature")

    def to_file(self) -> JsonObject:
        """The JSON object of a producer record's file."""
        return {"type": self.tag, "version": self.version, **self.to_json()}


def make_producer_record(
    account: KeyPair, key: KeyPair, name: str, commitment: Commitment
) -> ProducerRecord:
    """The signed record of a producer with this account and consensus key."""
    nothing = bytes(64)
    draft = ProducerRecord(account.public, key.public, name, commitment, nothing, nothing)
    message = draft.signing_bytes()
    return ProducerRecord(
        account.public, key.public, name, commitment, account.sign(message), key.sign(message)
    )


def read_producer_record(json: Json) -> ProducerRecord:
    """The record in a file's JSON; raises InvalidEncoding or InvalidSignature naming the field."""
    if not isinstance(json, dict) or json.get("type") != ProducerRecord.tag:
        raise InvalidEncoding('a JSON object of "type": "producer-record" is expected')
    if json.get("version") != ProducerRecord.version:
        raise InvalidEncoding(
            f"only version {ProducerRecord.version} is known here", field="version"
        )
    fields = {name: value for name, value in json.items() if name not in ("type", "version")}
    made = ProducerRecord.from_json(fields)
    made.check()
    return made
