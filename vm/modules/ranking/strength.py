"""How votes decay: each votes with its points times 2^(age of the chain ÷ half-life), so that votes
keep their order for ever, and only what is read is halved (T5).

The chain's age is counted in ticks, 64 to a half-life. A vote of p points at tick t is the number
p × F[t mod 64] × 2^(t div 64), where F[f] = floor(2^(44 + f / 64)), the exact integer root. A sum
of such numbers is kept as one integer, its strength: e × 2^44 + m for m × 2^e with 2^43 ≤ m < 2^44
(e as small as can be if m is less), what does not fit m rounded down, and 0 for nothing. Of two
strengths the larger integer is the larger sum. The exponent has 20 bits.
"""

from math import isqrt

from vm.parameter import PARTS_PER_MILLION

TICKS = 64  # to a half-life
_BITS = 44
_ROOTS = 6  # 2^6 ticks
_MOST_REPEATS = 1_000  # further votes weigh as this one: nothing, but for a ppm next to the whole
_LOW = (1 << _BITS) - 1
MOST_TICK = TICKS * (2**19 - 1)  # at an hour's half-life 59 years; then votes decay no more


def _factor(place: int) -> int:
    number = 1 << (TICKS * _BITS + place)
    for _ in range(_ROOTS):
        number = isqrt(number)
    return number


FACTORS = tuple(_factor(place) for place in range(TICKS))


def strengthened(strength: int, points: int, tick: int) -> int:
    """The strength after a vote of so many points at a tick."""
    if not points:
        return strength
    halvings, place = divmod(min(tick, MOST_TICK), TICKS)
    return _sum(_parts(strength), (points * FACTORS[place], halvings))


def points_at(strength: int, tick: int) -> int:
    """How many points a strength is worth at a tick, rounded to the nearest, halves up."""
    halvings, place = divmod(min(tick, MOST_TICK), TICKS)
    mantissa, exponent = _parts(strength)
    up, down = max(0, exponent - halvings), max(0, halvings - exponent)
    if down > 2 * _BITS:
        return 0
    unit = FACTORS[place] << down
    return ((mantissa << up) * 2 + unit) // (2 * unit)


def repeated_points(points: int, earlier: int, repeat_ppm: int) -> int:
    """What is left of a vote that comes after so many earlier ones of its window: points ×
    (repeat_ppm ÷ 10^6)^earlier, rounded down."""
    times = min(earlier, _MOST_REPEATS)
    return points * int(pow(repeat_ppm, times)) // int(pow(PARTS_PER_MILLION, times))


def _parts(strength: int) -> tuple[int, int]:
    return strength & _LOW, strength >> _BITS


def _sum(one: tuple[int, int], other: tuple[int, int]) -> int:
    """The strength of two numbers m × 2^e together, of which the first is normal or nothing."""
    low, high = sorted((_normal(*one), _normal(*other)), key=lambda item: item[1])
    mantissa, exponent = _normal(high[0] + (low[0] >> (high[1] - low[1])), high[1])
    return exponent << _BITS | mantissa


def _normal(mantissa: int, exponent: int) -> tuple[int, int]:
    over = max(0, mantissa.bit_length() - _BITS)
    return mantissa >> over, exponent + over
