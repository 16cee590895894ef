"""The family of expected rejections. Anything else that is raised is our own bug."""


class Invalid(Exception):
    """Input that breaks a rule.

    `code` is stable and part of the API; `field` is the path of the offending field
    (`header.slot`, `actions[1].amount`) or empty when the whole is at fault; the message
    says what is wrong and, where it helps, what to do.
    """

    code = "invalid"

    def __init__(self, message: str, *, field: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message

    def within(self, field: str) -> "Invalid":
        """The same rejection seen from an enclosing record."""
        joined = f"{field}{self.field}" if self.field.startswith("[") else f"{field}.{self.field}"
        return type(self)(self.message, field=joined if self.field else field, code=self.code)


class InvalidEncoding(Invalid):
    """Bytes or values that are not the one accepted encoding of a record."""

    code = "invalid-encoding"


class InvalidSignature(Invalid):
    """A signature that is missing, malformed or not by the named key."""

    code = "invalid-signature"


class InvalidTransaction(Invalid):
    """A transaction that no block may contain."""

    code = "invalid-transaction"


class InvalidHeader(Invalid):
    """A header that breaks a rule of its chain."""

    code = "invalid-header"


class InvalidBlock(Invalid):
    """A body that does not follow from its header and the parent's state."""

    code = "invalid-block"


class InvalidVote(Invalid):
    """A vote that is not one of the block's producer set."""

    code = "invalid-vote"


class InvalidProof(Invalid):
    """A proof that does not show what it claims."""

    code = "invalid-proof"


class InvalidEvidence(Invalid):
    """Evidence that does not show the offence that it names."""

    code = "invalid-evidence"


class InvalidGenesis(Invalid):
    """A preset or genesis file that cannot start a chain."""

    code = "invalid-genesis"


class ProtocolTooNew(Exception):
    """From this block on the rules are of a version that the program does not know: nothing is
    wrong with the block, but no verdict on it can be given here."""

    def __init__(self, protocol: int, height: int) -> None:
        super().__init__(
            f"from block {height} on the chain follows version {protocol} of the protocol, which "
            "this program does not know: install a newer one and start it on the same folder"
        )
        self.protocol = protocol
        self.height = height


class ActionFailed(Invalid):
    """An action refused by its module: the transaction pays its fee and changes nothing else."""

    code = "action-failed"
