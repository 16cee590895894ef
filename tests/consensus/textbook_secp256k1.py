"""ECDSA over secp256k1 as textbooks have it, to compare with: slow, and of nobody's library."""

from typing import TypeAlias

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
Point: TypeAlias = "tuple[int, int] | None"
G: Point = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)


def add(a: Point, b: Point) -> Point:
    """The sum of two points; None is the neutral one."""
    if a is None or b is None:
        return b if a is None else a
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    if a == b:
        slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(k: int, a: Point) -> Point:
    """k times a point."""
    total: Point = None
    while k:
        if k & 1:
            total = add(total, a)
        a, k = add(a, a), k >> 1
    return total


def recover(digest: bytes, signature: bytes) -> Point:
    """The public key of r ‖ s ‖ v, v of 0 or 1; None if there is none (SEC 1, 4.1.6)."""
    r, s = (int.from_bytes(signature[i : i + 32], "big") for i in (0, 32))
    if not (0 < r < N and 0 < s < N):
        return None
    y = pow(r**3 + 7, (P + 1) // 4, P)
    if y * y % P != (r**3 + 7) % P:
        return None
    if y & 1 != signature[64]:
        y = P - y
    e = int.from_bytes(digest, "big")
    inverse = pow(r, -1, N)
    return add(times(s * inverse % N, (r, y)), times(-e * inverse % N, G))


def sign(digest: bytes, secret: int, nonce: int) -> bytes:
    """r ‖ s ‖ v with the lower s; `nonce` is to be another each time."""
    point = times(nonce, G)
    if point is None:
        raise ValueError("not a nonce")
    r, parity = point[0] % N, point[1] & 1
    s = (int.from_bytes(digest, "big") + r * secret) * pow(nonce, -1, N) % N
    if s > N // 2:
        s, parity = N - s, 1 - parity
    return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([parity])
