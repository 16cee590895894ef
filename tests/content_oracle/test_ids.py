"""Content ids are those of the IPFS project's own importer."""

from consensus.unixfs import PROFILES
from tests.content_oracle.asking import edge_cases, own_id, random_cases, their_ids

MAX_BYTES = 46 * 1024 * 1024  # the first second-level tree of the default profile


def test_files_at_the_edges_and_between_have_the_same_ids() -> None:
    cases = [case for profile in PROFILES.values() for case in edge_cases(profile)]
    cases = [case for case in cases if case.size <= MAX_BYTES] + random_cases(6, MAX_BYTES, 1)
    assert len({case.size for case in cases}) > 20
    theirs = their_ids(cases)
    assert [own_id(case) for case in cases] == theirs
