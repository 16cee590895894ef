"""What people do that counts for the reward pool (T8)."""

from enum import StrEnum


class ActivityKind(StrEnum):
    """A kind of activity: publishing a video, and playing, liking, commenting on, paying for or
    sharing somebody's. Payments are what T8 calls rewards: purchases, gifts and tips."""

    POST = "post"
    PLAY = "play"
    LIKE = "like"
    COMMENT = "comment"
    PAYMENT = "payment"
    SHARE = "share"
