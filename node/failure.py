"""Why a command ends without its result: one family with the exit codes of the command line.

0 ok · 1 refused, by the chain or by this machine · 2 usage · 3 unreachable · 4 timed out ·
5 proof failed. Whatever is neither in this family nor in `Invalid…`, an OSError or an error of
the storage is our own bug and shows a traceback.
"""

import os
from collections.abc import Iterator

from consensus.errors import Invalid, InvalidProof, ProtocolTooNew
from storage.errors import NO_ROOM, StorageError


class Failure(Exception):
    """An expected end of a command.

    `code` is stable; `field` names the option, setting or file at fault, or is empty; the
    message says what is wrong and what to do.
    """

    exit_code = 1
    code = "failure"

    def __init__(self, message: str, *, field: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class Refused(Failure):
    """The chain or this machine (port, disk, database, journal, file) says no."""

    exit_code = 1
    code = "refused"


class Usage(Failure):
    """The command line or a configuration does not mean anything."""

    exit_code = 2
    code = "usage"


class Unreachable(Failure):
    """No node answers at the address."""

    exit_code = 3
    code = "unreachable"


class TimedOut(Failure):
    """What was waited for did not happen in time."""

    exit_code = 4
    code = "timed-out"


class ProofFailed(Failure):
    """An answer does not prove itself: it was changed, or its node lies."""

    exit_code = 5
    code = "proof-failed"


def cannot_listen(host: str, port: int, error: OSError, setting: str) -> OSError:
    """The error of taking an address, said so that it names the address and its setting."""
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
    message = f"cannot listen on {host} port {port}: {reason}; stop what uses it or choose another"
    return OSError(error.errno or 0, message, setting)


def failure_of(error: BaseException) -> Failure | None:
    """The failure that `error` stands for, or None if it is our bug.

    Nurseries wrap what they raise in groups: a group of nothing but expected errors is its
    first one.
    """
    failures = [_single(leaf) for leaf in _leaves(error)]
    return None if None in failures else failures[0]


def _leaves(error: BaseException) -> Iterator[BaseException]:
    waiting = [error]
    while waiting:
        first = waiting.pop(0)
        if isinstance(first, BaseExceptionGroup):
            waiting[:0] = first.exceptions
        else:
            yield first


def _single(error: BaseException) -> Failure | None:
    if isinstance(error, Failure):
        return error
    if isinstance(error, InvalidProof):
        return ProofFailed(error.message, field=error.field, code=error.code)
    if isinstance(error, Invalid):
        return Refused(error.message, field=error.field, code=error.code)
    if isinstance(error, StorageError | ProtocolTooNew):
        is_ours = isinstance(error, StorageError)
        return Refused(str(error), code="storage" if is_ours else "protocol-too-new")
    if isinstance(error, OSError) and error.errno is not None:
        place = "" if error.filename is None else str(error.filename)
        reason = error.strerror or str(error)
        if error.errno in NO_ROOM:
            reason += "; make room on the disk, then try again"
        return Refused(reason, field=place, code="system")
    return _of_storage(error)


def _of_storage(error: BaseException) -> Failure | None:
    from storage.content import ContentError  # only here: commands start without LevelDB
    from storage.database import DatabaseError
    from storage.journal import JournalError

    codes = {ContentError: "content", DatabaseError: "database", JournalError: "journal"}
    for family, code in codes.items():
        if isinstance(error, family):
            return Refused(str(error), code=code)
    return None
