"""Settings of all tests: nothing is timed, so hypothesis has no deadline."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
