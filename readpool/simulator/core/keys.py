"""Stellar's keys: strkeys (G… and S…) and Ed25519 of RFC 8032 in Python alone. Pure.

Slower than a library by far (2 ms a signature), fast enough for a network of tests; nothing secret is kept by it.
"""

import base64
import binascii
import hashlib
from functools import lru_cache

_ACCOUNT, _SEED = 6 << 3, 18 << 3
_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT_OF_MINUS_ONE = pow(2, (_P - 1) // 4, _P)
_KEY_BYTES = 32
_SIGNATURE_BYTES = 64
_SIGN_BIT = 255

_Point = tuple[int, int, int, int]  # X, Y, Z and T of extended twisted Edwards coordinates
_ZERO: _Point = (0, 1, 1, 0)


def encode_account(public_key: bytes) -> str:
    """Write a public key of 32 bytes as G…."""
    return _encode(_ACCOUNT, public_key)


def decode_account(text: str) -> bytes:
    """Read G…, as 32 bytes. Raises ValueError for anything else."""
    return _decode(_ACCOUNT, text)


def encode_seed(seed: bytes) -> str:
    """Write a seed of 32 bytes as S…."""
    return _encode(_SEED, seed)


def decode_seed(text: str) -> bytes:
    """Read S…, as 32 bytes. Raises ValueError for anything else."""
    return _decode(_SEED, text)


def network_id(passphrase: str) -> bytes:
    """Return the 32 bytes that stand for a network in what is signed."""
    return hashlib.sha256(passphrase.encode()).digest()


def root_seed(passphrase: str) -> str:
    """Return the seed of the account that has all lumens of a new network, S…: it is the network's id."""
    return encode_seed(network_id(passphrase))


def account_of(seed: str) -> str:
    """Return the account, G…, of a seed, S…. Raises ValueError for anything else."""
    return encode_account(public_key_of(decode_seed(seed)))


def public_key_of(seed: bytes) -> bytes:
    """Derive the public key of a seed; 32 bytes both (RFC 8032, 5.1.5)."""
    scalar = int.from_bytes(hashlib.sha512(seed).digest()[:_KEY_BYTES], "little")
    scalar = scalar & ((1 << 254) - 8) | (1 << 254)
    return _compress(_multiply(_window(_base()), scalar))


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether the signature of 64 bytes is this key's for the message (RFC 8032, 5.1.7)."""
    if len(public_key) != _KEY_BYTES or len(signature) != _SIGNATURE_BYTES:
        return False
    window = _window_of(public_key)
    scalar = int.from_bytes(signature[_KEY_BYTES:], "little")
    if window is None or scalar >= _ORDER:
        return False
    digest = hashlib.sha512(signature[:_KEY_BYTES] + public_key + message).digest()
    challenge = int.from_bytes(digest, "little") % _ORDER
    expected = _add(_multiply(_window(_base()), scalar), _multiply(window, _ORDER - challenge))
    return not _has_small_order(expected) and _compress(expected) == signature[:_KEY_BYTES]


def _encode(version: int, payload: bytes) -> str:
    body = bytes([version]) + payload
    return base64.b32encode(body + _checksum(body)).decode().rstrip("=")


def _decode(version: int, text: str) -> bytes:
    try:
        raw = base64.b32decode(text)  # 56 characters are 35 bytes: there is never a padding
    except binascii.Error as error:
        raise ValueError("not base32") from error
    if len(raw) != _KEY_BYTES + 3 or raw[0] != version or _checksum(raw[:-2]) != raw[-2:]:
        raise ValueError("not a strkey of this kind")
    return raw[1:-2]


def _checksum(body: bytes) -> bytes:
    return binascii.crc_hqx(body, 0).to_bytes(2, "little")


def _add(left: _Point, right: _Point) -> _Point:
    a = (left[1] - left[0]) * (right[1] - right[0]) % _P
    b = (left[1] + left[0]) * (right[1] + right[0]) % _P
    c = 2 * left[3] * right[3] * _D % _P
    d = 2 * left[2] * right[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _double(point: _Point) -> _Point:
    a = point[0] * point[0] % _P
    b = point[1] * point[1] % _P
    h = a + b
    e = h - (point[0] + point[1]) * (point[0] + point[1])
    g = a - b
    f = 2 * point[2] * point[2] + g
    e, f = e % _P, f % _P
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _window(point: _Point) -> list[_Point]:
    """Return 0 to 15 times the point."""
    multiples = [_ZERO]
    for _ in range(15):
        multiples.append(_add(multiples[-1], point))
    return multiples


def _multiply(window: list[_Point], scalar: int) -> _Point:
    result = _ZERO
    for shift in range(252, -1, -4):
        result = _double(_double(_double(_double(result))))
        if digit := scalar >> shift & 15:
            result = _add(result, window[digit])
    return result


def _compress(point: _Point) -> bytes:
    inverse = pow(point[2], -1, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << _SIGN_BIT).to_bytes(_KEY_BYTES, "little")


def _decompress(data: bytes) -> _Point | None:
    """Return the point of a public key; None where there is none (RFC 8032, 5.1.3)."""
    value = int.from_bytes(data, "little")
    sign, y = value >> _SIGN_BIT, value & ((1 << _SIGN_BIT) - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT_OF_MINUS_ONE % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    x = _P - x if x & 1 != sign else x
    return x, y, 1, x * y % _P


@lru_cache(maxsize=256)
def _window_of(public_key: bytes) -> list[_Point] | None:
    point = _decompress(public_key)
    return None if point is None or _has_small_order(point) else _window(point)


def _has_small_order(point: _Point) -> bool:
    """Return whether anybody could sign for such a key, without its seed: libsodium refuses those too."""
    x, y, z, _ = _double(_double(_double(point)))
    return x == 0 and (y - z) % _P == 0


@lru_cache(maxsize=1)
def _base() -> _Point:
    point = _decompress((4 * pow(5, -1, _P) % _P).to_bytes(_KEY_BYTES, "little"))
    assert point is not None  # noqa: S101  # the base point of the curve
    return point
