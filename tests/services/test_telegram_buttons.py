"""What a button says comes back as it was written, and nothing else is believed."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.booking import Verb
from models.booking_words import CancelReason, Flag
from services import telegram_buttons, telegram_completion, telegram_menus
from services.telegram_buttons import LONGEST_DATA, Pressed, data, read


@given(
    st.sampled_from([*map(str, Verb), "chat", "surely"]),
    st.none() | st.uuids(),
    st.none() | st.integers(0, 99_999),
    st.text("abc_0123456789:", max_size=16),
)
def test_it_comes_back_as_it_was_written(
    word: str, booking_id: uuid.UUID | None, version: int | None, extra: str
) -> None:
    made = data(word, booking_id, version, extra)
    assert len(made.encode()) <= LONGEST_DATA
    assert read(made) == Pressed(word, booking_id, version, extra)


@given(st.text())
def test_whatever_is_sent_is_read_or_refused(text: str) -> None:
    pressed = read(text)
    assert pressed is None or isinstance(pressed, telegram_buttons.Pressed)


@pytest.mark.parametrize("text", ["", "accept", "a:b", "a:xx:1:", "a::x:", "a:AAAA:1:"])
def test_what_is_not_ours_is_nothing(text: str) -> None:
    assert read(text) is None


def test_the_longest_of_our_own_words_fit() -> None:
    call = uuid.uuid4()
    for reason in CancelReason:
        data(telegram_menus.SURELY, call, 99_999, reason.value)
    for flag in Flag:
        data(Verb.FLAG, call, 99_999, flag.value)
    for word in telegram_completion.GIVEN:
        data(word, call, extra=call.hex)
