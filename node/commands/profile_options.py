"""What a producer says about itself and keeps of its earnings, as options of commands."""

import re
from dataclasses import dataclass

from cyclopts import Parameter

from node.failure import Usage
from vm.modules.producer import Profile

_PPM_DIGITS = 4  # behind the point of a percentage


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class ProfileOptions:
    """What a producer says about itself, and what it keeps.

    Parameters
    ----------
    website
        A link, https://…; "" for none.
    contact
        How to reach it, such as an e-mail address.
    description
        Who it is, in a few sentences.
    commission
        The share of its rewards that it keeps, in percent, such as 10 or 2.5; the rest goes to
        those who approve it. Another one counts some epochs later.
    """

    website: str | None = None
    contact: str | None = None
    description: str | None = None
    commission: str | None = None

    def profile(self, before: Profile) -> Profile:
        """The profile `before` with what was given instead."""
        return Profile(
            before.website if self.website is None else self.website,
            before.contact if self.contact is None else self.contact,
            before.description if self.description is None else self.description,
        )

    def commission_ppm(self, before: int) -> int:
        """The commission that was given, or `before`; raises Usage."""
        if self.commission is None:
            return before
        found = re.fullmatch(rf"(\d{{1,3}})(?:\.(\d{{1,{_PPM_DIGITS}}}))?", self.commission)
        ppm = 0
        if found is not None:
            whole, fraction = found.groups(default="")
            ppm = int(whole + fraction.ljust(_PPM_DIGITS, "0"))
        if found is None or ppm > 100 * 10**_PPM_DIGITS:
            raise Usage("a percentage such as 10 or 2.5 is expected", field="--commission")
        return ppm


NO_PROFILE_OPTIONS = ProfileOptions()
