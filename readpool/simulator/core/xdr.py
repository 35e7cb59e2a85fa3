"""XDR, read and written by hand: as much of Stellar's as accounts and payments need, with Core's words. Pure."""

import binascii
import struct

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NO_BASE64 = bytes(set(range(256)) - set(_ALPHABET))
_UINT32, _INT32, _UINT64, _INT64 = (struct.Struct(form) for form in (">I", ">i", ">Q", ">q"))


class XdrError(ValueError):
    """Bytes that are not what they should be; the message is what Core answers."""


def decode_base64(text: bytes) -> bytes:
    """Decode BASE64 as Core does: what is not of its alphabet is skipped, padding too, and odd bits are dropped."""
    kept = text.translate(None, _NO_BASE64)
    decoded = binascii.a2b_base64(kept + b"A" * (-len(kept) % 4))
    return decoded[: len(kept) * 6 // 8]


class Reader:
    """Reads values from a whole message, one after the other. Every method raises XdrError.

    Raises:
        XdrError: from the constructor, where the message's size is no multiple of 4.
    """

    __slots__ = ("_at", "_end", "data")

    def __init__(self, data: bytes) -> None:
        if len(data) % 4:
            raise XdrError("xdr_generic_get: message size not multiple of 4")
        self.data = data
        self._at = 0
        self._end = len(data)

    @property
    def at(self) -> int:
        """Where it reads next."""
        return self._at

    def take(self, count: int) -> bytes:
        """Read so many bytes, and their padding."""
        start, after = self._at, self._at + count + (-count % 4)
        if after > self._end:
            raise XdrError("insufficient buffer space in xdr_generic_get")
        self._at = after
        return self.data[start : start + count]

    def uint32(self) -> int:
        """Read an unsigned int."""
        return int(_UINT32.unpack(self.take(4))[0])

    def int32(self) -> int:
        """Read an int."""
        return int(_INT32.unpack(self.take(4))[0])

    def uint64(self) -> int:
        """Read an unsigned hyper."""
        return int(_UINT64.unpack(self.take(8))[0])

    def int64(self) -> int:
        """Read a hyper."""
        return int(_INT64.unpack(self.take(8))[0])

    def bounded(self, most: int) -> bytes:
        """Read an opaque or a string of at most `most` bytes."""
        return self.take(self.length(most))

    def length(self, most: int) -> int:
        """Read how many elements follow, at most `most`."""
        count = self.uint32()
        if count > most:
            raise XdrError("array too long in xdr_generic_get" if most else "invalid length in xdr_generic_get")
        return count

    def one_of(self, allowed: range, what: str) -> int:
        """Read the discriminant of a union."""
        value = self.int32()
        if value not in allowed:
            raise XdrError(f"bad value of type in {what}")
        return value

    def is_there(self) -> bool:
        """Read whether an optional value follows."""
        flag = self.uint32()
        if flag > 1:
            raise XdrError("bad value of boolean in xdr_generic_get")
        return flag == 1

    def end(self) -> None:
        """Make sure that nothing is left."""
        if self._at != self._end:
            raise XdrError("unmarshaling did not consume whole message")


def pack_bounded(value: bytes) -> bytes:
    """Write an opaque or a string of any length, with its padding."""
    return _UINT32.pack(len(value)) + value + b"\0" * (-len(value) % 4)
