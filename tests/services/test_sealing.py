import pytest

from services import sealing
from services.config import Settings, get_settings, use_settings
from services.sealing import BrokenSeal


@pytest.fixture
def other_keys():
    kept = get_settings()
    yield lambda **keys: use_settings(Settings(**keys))
    use_settings(kept)


def test_a_sealed_text_opens_again_and_never_looks_alike(settings) -> None:
    first, second = sealing.seal("123456"), sealing.seal("123456")
    assert first != second
    assert "123456" not in first
    assert sealing.unseal(first) == "123456"


def test_the_previous_key_still_opens_and_a_strange_one_does_not(
    settings, other_keys
) -> None:
    old, new = "o" * 40, "n" * 40
    other_keys(secret_key=old)
    sealed = sealing.seal("secret")
    other_keys(secret_key=new, secret_key_previous=old)
    assert sealing.unseal(sealed) == "secret"
    other_keys(secret_key=new)
    with pytest.raises(BrokenSeal):
        sealing.unseal(sealed)


def test_hashes_of_different_purposes_differ(settings) -> None:
    assert sealing.keyed_hash("code", "1") == sealing.keyed_hash("code", "1")
    assert sealing.keyed_hash("code", "1") != sealing.keyed_hash("link", "1")


def test_a_hash_of_the_previous_key_is_still_known(settings, other_keys) -> None:
    old, new = "o" * 40, "n" * 40
    other_keys(secret_key=old)
    digest = sealing.keyed_hash("code", "123456")
    other_keys(secret_key=new, secret_key_previous=old)
    assert sealing.is_keyed_hash(digest, "code", "123456")
    assert not sealing.is_keyed_hash(digest, "code", "123457")
    assert not sealing.is_keyed_hash(digest, "link", "123456")
    other_keys(secret_key=new)
    assert not sealing.is_keyed_hash(digest, "code", "123456")
