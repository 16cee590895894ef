"""Noting what a day's release follows from: fees paid, and what accounts take part in (P2)."""

from vm.context import Context

CALL, COMMENT, RATING = "call", "comment", "rating"


def note_activity(context: Context, account: bytes, activity: str) -> None:
    """Count that an account took part in something, for the day's release."""
