"""One local YooKassa for the tests of it, reset before each."""

from collections.abc import Iterator

import pytest

from tests.sandbox.yookassa_shop import Receiver, Shop, receiver
from tests.yookassa_server import YooKassa, yookassa


@pytest.fixture(scope="session")
def served_yookassa() -> Iterator[YooKassa]:
    others = {"200600": "key_of_another_shop"}
    with yookassa(other_shops=others, fiscalization=False) as provider:
        yield provider


@pytest.fixture
def provider(served_yookassa: YooKassa) -> YooKassa:
    served_yookassa.reset()
    return served_yookassa


@pytest.fixture
def shop(provider: YooKassa) -> Shop:
    return Shop(provider)


@pytest.fixture
def webhooks(provider: YooKassa) -> Iterator[Receiver]:
    """The shop listens, and what it got is checked in the end."""
    with receiver() as listening:
        provider.webhook(listening.url)
        yield listening
        if listening.checked:
            listening.check()


@pytest.fixture(scope="session")
def served_with_receipts() -> Iterator[YooKassa]:
    with yookassa(fiscalization=True) as provider:
        yield provider


@pytest.fixture
def fiscal(served_with_receipts: YooKassa) -> Shop:
    """A shop that must send receipts."""
    served_with_receipts.reset()
    return Shop(served_with_receipts)
