"""What is counted, and whose (T13)."""

from enum import Enum, StrEnum

from consensus.errors import InvalidEncoding

TOTAL = 2**64 - 1  # the period of all days together; days are lower numbers


class SubjectKind(Enum):
    """Whose a count is: the chain's; a video's, by the content id of a version; a creator's, for
    what others did at its videos; an account's, for what it did itself. The value is the byte in
    keys."""

    CHAIN = b"c"
    VIDEO = b"v"
    CREATOR = b"p"
    ACCOUNT = b"a"


class Metric(StrEnum):
    """What is counted. Those in ASSET_METRICS are units of an asset, those in ACTION_METRICS
    actions of a type; the others are plain numbers."""

    TRANSACTIONS = "transactions"
    FAILED = "failed"
    ACTIONS = "actions"
    FAILED_ACTIONS = "failed_actions"
    ACTIVE_ACCOUNTS = "active_accounts"
    NEW_ACCOUNTS = "new_accounts"
    FEES = "fees"
    TRANSFERRED = "transferred"
    VIDEOS = "videos"
    SHOWS = "shows"
    LIKES = "likes"
    COMMENTS = "comments"
    COMMENTERS = "commenters"
    SHARES = "shares"
    VIEWS = "views"
    GIFTS = "gifts"
    GIFT_UNITS = "gift_units"
    TIPS = "tips"
    TIP_UNITS = "tip_units"
    SALES = "sales"
    SALE_UNITS = "sale_units"
    INCOME = "income"


ACTION_METRICS = frozenset({Metric.ACTIONS, Metric.FAILED_ACTIONS})
ASSET_METRICS = frozenset(
    {
        Metric.FEES,
        Metric.TRANSFERRED,
        Metric.GIFT_UNITS,
        Metric.TIP_UNITS,
        Metric.SALE_UNITS,
        Metric.INCOME,
    }
)
# One account can write as many comments as it pays for: commenters are ranked in their place.
RANKED_METRICS = frozenset(
    set(Metric) - ACTION_METRICS - {Metric.ACTIVE_ACCOUNTS, Metric.NEW_ACCOUNTS, Metric.COMMENTS}
)
RANKED_KINDS = {
    "video": SubjectKind.VIDEO,
    "creator": SubjectKind.CREATOR,
    "account": SubjectKind.ACCOUNT,
}


def parse_ranked_metric(text: str) -> Metric:
    """The metric of this name, if there are rankings by it; raises InvalidEncoding."""
    if text not in RANKED_METRICS:
        known = ", ".join(sorted(RANKED_METRICS))
        raise InvalidEncoding(f"nothing is ranked by {text[:40]!r}; known are {known}")
    return Metric(text)
