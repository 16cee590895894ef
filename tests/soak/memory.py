"""The memory of a process over its life, and whether it grows."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from consensus.kinds import JsonObject
from node.local.process import read_usage

MIB = 1024 * 1024
SAMPLE_S = 5.0


@dataclass(frozen=True, slots=True)
class Sample:
    """At a time (seconds): resident bytes, and those of them that no file backs."""

    at_s: float
    rss_bytes: int
    anonymous_bytes: int


@dataclass(frozen=True, slots=True)
class Growth:
    """The memory of a process over some seconds: at their beginning and end, and the slopes of
    the lines of least squares, MiB an hour."""

    seconds: float
    first: Sample
    last: Sample
    rss_mib_h: float
    anonymous_mib_h: float

    def to_json(self) -> JsonObject:
        """For the report."""
        return {
            "seconds": round(self.seconds),
            "rss_mib": [round(each.rss_bytes / MIB, 1) for each in (self.first, self.last)],
            "rss_mib_h": round(self.rss_mib_h, 2),
            "anonymous_mib_h": round(self.anonymous_mib_h, 2),
        }


@dataclass
class Life:
    """A process from its start to its end: samples of its memory, and its processor time."""

    samples: list[Sample] = field(default_factory=list)
    cpu_s: float = 0.0

    def measure(self, pid: int) -> None:
        """Note what the process uses, if the last sample is old enough."""
        now = time.monotonic()
        if self.samples and now - self.samples[-1].at_s < SAMPLE_S:
            return
        usage, sample = read_usage(pid), read_sample(pid, now)
        if usage is not None and sample is not None:
            self.cpu_s = usage.cpu_s
            self.samples.append(sample)

    def growth(self, warm_up_s: float) -> Growth | None:
        """From so many seconds after the first sample on; None if there are few samples then."""
        begun = self.samples[0].at_s + warm_up_s if self.samples else 0.0
        warm = [each for each in self.samples if each.at_s >= begun]
        if len(warm) < 3:
            return None
        times_s = [each.at_s for each in warm]
        return Growth(
            times_s[-1] - times_s[0],
            warm[0],
            warm[-1],
            slope(times_s, [each.rss_bytes for each in warm]) * 3600 / MIB,
            slope(times_s, [each.anonymous_bytes for each in warm]) * 3600 / MIB,
        )


def slope(times: Sequence[float], values: Sequence[float]) -> float:
    """The slope of the line of least squares through two points or more at different times."""
    mean_time, mean_value = sum(times) / len(times), sum(values) / len(values)
    pairs = zip(times, values, strict=True)
    together = sum((time - mean_time) * (value - mean_value) for time, value in pairs)
    return together / sum((time - mean_time) ** 2 for time in times)


def read_sample(pid: int, now: float) -> Sample | None:
    """The memory of a process, from Linux's /proc; None if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    kib = {words[0]: int(words[1]) for line in lines if (words := line.split())[2:] == ["kB"]}
    if "VmRSS:" not in kib:
        return None
    return Sample(now, 1024 * kib["VmRSS:"], 1024 * kib["RssAnon:"])
