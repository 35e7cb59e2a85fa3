"""Stellar's keys in Python alone agree with the library that signs in the tests."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stellar_sdk import Keypair, StrKey

from readpool.simulator.core import keys
from readpool.simulator.core.identity import random_seed

SEEDS = st.binary(min_size=32, max_size=32)


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_a_seed_has_the_account_that_the_library_derives(seed: bytes) -> None:
    expected = Keypair.from_raw_ed25519_seed(seed)
    assert keys.encode_seed(seed) == expected.secret
    assert keys.account_of(expected.secret) == expected.public_key


@given(SEEDS, st.binary(max_size=100))
@settings(max_examples=20, deadline=None)
def test_a_signature_of_the_library_is_verified_and_one_of_something_else_is_not(seed: bytes, message: bytes) -> None:
    pair = Keypair.from_raw_ed25519_seed(seed)
    signature, key = pair.sign(message), pair.raw_public_key()
    assert keys.verify(key, message, signature)
    assert not keys.verify(key, message + b"!", signature)
    assert not keys.verify(key, message, signature[:32] + bytes(32))
    assert not keys.verify(key, message, signature[:63])


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=64, max_size=64))
@settings(max_examples=30, deadline=None)
def test_any_bytes_for_key_and_signature_are_answered(key: bytes, signature: bytes) -> None:
    assert not keys.verify(key, b"message", signature)


@pytest.mark.parametrize("key", [bytes(32), bytes([1, *bytes(31)])], ids=["order 4", "order 1"])
def test_a_key_for_which_anybody_could_sign_has_no_signatures(key: bytes) -> None:
    assert not keys.verify(key, b"message", bytes(64))
    assert not keys.verify(key, b"message", bytes([1, *bytes(63)]))


def test_a_scalar_beyond_the_order_is_no_signature() -> None:
    pair = Keypair.random()
    signature = pair.sign(b"message")
    order = 2**252 + 27742317777372353535851937790883648493
    malleable = (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    assert not keys.verify(pair.raw_public_key(), b"message", signature[:32] + malleable)


@pytest.mark.parametrize(
    ("passphrase", "account"),
    [
        ("Rec A", "GCEGCYSOQBV2U7SYJNVPT7EJEC3CUU53N5L6GRMU7UTXGQVZVL3AGLC5"),
        ("", "GC7JA62LVSCP5ZOORAI5WLPPZG7QWKRKFO6D2VGYUISX5TLQIQMWEIY3"),
        ("Test SDF Network ; September 2015", "GBRPYHIL2CI3FNQ4BXLFMNDLFJUNPU2HY3ZMFSHONUCEOASW7QC7OX2H"),
    ],
)
def test_a_networks_root_account_is_that_of_its_passphrase(passphrase: str, account: str) -> None:
    assert keys.account_of(keys.root_seed(passphrase)) == account


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("GNOPE", id="too short"),
        pytest.param("G" * 56, id="a wrong checksum"),
        pytest.param("gcti6hmwrh2qgmfkwvu5m5zsotkl7p7jahzdmjjbkdhgwtec4cj7o3du", id="small letters"),
        pytest.param("GCTI6HMWRH2QGMFKWVU5M5ZSOTKL7P7JAHZDMJJBKDHGWTEC4CJ7O3D1", id="a digit that base32 has not"),
        pytest.param(StrKey.encode_ed25519_secret_seed(bytes(32)), id="a seed"),
    ],
)
def test_what_is_no_account_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not"):
        keys.decode_account(text)


def test_two_random_seeds_are_two() -> None:
    assert len({random_seed() for _ in range(3)}) == 3
