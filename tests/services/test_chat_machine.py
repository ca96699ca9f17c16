"""Random talk: whatever people write, read, hide and decide, each sees what is theirs.

A thousand operations by default, ten thousand with TOT_PROVE=1, against a model in
plain Python that knows nothing of tables.
"""

import asyncio
import os
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Message
from models.booking_words import CancelReason
from models.role_grant import Role
from services import (
    assignments,
    bookings,
    chat,
    chat_reads,
    chat_rooms,
    clock,
    invariants,
    visits,
)
from services.actor import Actor, Via
from services.config import Settings
from services.database import make_engine
from services.errors import (
    DomainError,
    Forbidden,
    IdempotencyKeyReused,
    IllegalTransition,
    NotFound,
    TooManyRequests,
)
from services.i18n import use_locale
from services.talk_invariant_rules import TALK_RULES
from tests import factories
from tests.conftest import settle
from tests.factories import as_doctor, as_patient, as_staff
from tests.talk_model import HAIR, LATELY, MOST, Conversation, Word

pytestmark = pytest.mark.prove
PROVE = bool(os.environ.get("TOT_PROVE"))
EXAMPLES, STEPS = (250, 50) if PROVE else (25, 50)
OPERATIONS = 10_000 if PROVE else 1000
CALLS, PATIENTS, DOCTORS, DESKS = 2, 2, 2, 2
WORDS = ("Да", "Нет", "Домофон 45К", "<script>alert(1)</script>")
NAMES = (None, None, "a", "b", "c")
Step = Callable[[], Awaitable[Any]]
which_call = st.integers(0, CALLS - 1)
place = st.integers(0, 30)
# Everybody who may try: patients, doctors, dispatchers, and patients at the desk.
who = st.integers(0, PATIENTS + DOCTORS + DESKS + PATIENTS - 1)

# One of these at a time; as rules of their own some would be left out of an example.
ACTS = {
    "say": (
        which_call,
        who,
        st.sampled_from(WORDS),
        st.sampled_from(NAMES),
        st.sampled_from([True, False, False, False]),
        st.sampled_from([1, 1, 2, 3]),
    ),
    "quarrel": (which_call, st.integers(0, 5), st.sampled_from([*[1] * 9, 21])),
    "read": (which_call, who, st.integers(-2, 40)),
    "hide": (which_call, who, place),
    "look_at_a_picture": (which_call, who, place),
    "the_call_moves": (
        which_call,
        st.integers(0, DOCTORS - 1),
        st.sampled_from(
            [*["forward"] * 5, "assign", "reassign", "unassign", "decline", "cancel"]
        ),
    ),
    "time_passes": (which_call, st.sampled_from([0.1, 11, 25]), st.booleans()),
}
OFTEN = (*ACTS, "say", "say", "read", "hide", "look_at_a_picture")
acts = st.one_of(*(st.tuples(st.just(name), *ACTS[name]) for name in OFTEN))


class House:
    """What all examples share: a loop and a connection."""

    def __init__(self, url: str, config: Settings) -> None:
        self.runner = asyncio.Runner()
        self.engine = make_engine(url, config)
        self.counted: Counter[str] = Counter()
        self.connection = self.runner.run(self._connect())

    async def _connect(self) -> Any:
        return await self.engine.connect()

    def close(self) -> None:
        async def leave() -> None:
            await self.connection.close()
            await self.engine.dispose()

        self.runner.run(leave())
        self.runner.close()


class Talking(RuleBasedStateMachine):
    """People talk while dispatchers and doctors go on with the calls."""

    house: ClassVar[House]

    def __init__(self) -> None:
        super().__init__()
        self.ahead, self.turns, self.broken = 0.0, 0, False
        self.talks: list[Conversation] = []
        self.actors: list[Actor] = []
        self.run(self.house.connection.begin())
        self.session = AsyncSession(
            bind=self.house.connection,
            join_transaction_mode="create_savepoint",
            expire_on_commit=False,
        )

    def run(self, work: Any) -> Any:
        async def wait() -> Any:
            with use_locale("ru"):
                return await work

        try:
            return self.house.runner.run(wait())
        except BaseException:
            self.broken = True
            raise

    def teardown(self) -> None:
        async def leave() -> None:
            try:
                await self.session.close()
            finally:
                await self.house.connection.rollback()

        try:
            if not self.broken:
                self.run(self._last_look())
        finally:
            self.run(leave())

    async def _last_look(self) -> None:
        for talk in self.talks:
            await self._compare(talk, everybody=True)
        for each in TALK_RULES:
            assert await invariants.check_rule(self.session, each) == []

    @initialize(
        moves=st.lists(st.integers(0, 6), min_size=CALLS, max_size=CALLS),
    )
    def morning(self, moves: list[int]) -> None:
        """Some calls are under way already, or over."""
        self.run(self._morning())
        for place, many in enumerate(moves):
            for _ in range(many % 6):
                self.the_call_moves(place, place, "forward")
            if many == 6:
                self.the_call_moves(place, place, "cancel")

    async def _morning(self) -> None:
        session = self.session
        patients = [await factories.patient(session) for _ in range(PATIENTS)]
        doctors = [await factories.doctor(session) for _ in range(DOCTORS)]
        desks = [await factories.dispatcher(session) for _ in range(DESKS)]
        everybody = (*patients, *doctors, *desks)
        self.names = {user.id: user.full_name for user in everybody}
        self.short = {user.id: user.short_name for user in everybody}
        self.doctors = [user.id for user in doctors]
        self.desk = as_staff(desks[0])
        self.actors = [
            *map(as_patient, patients),
            *map(as_doctor, doctors),
            *map(as_staff, desks),
            *map(as_staff, patients),
        ]
        for place in range(CALLS):
            made = await factories.booking(session, patients[place % PATIENTS])
            self.talks.append(Conversation(made.id, made.patient_id))
        await settle(session)

    # -- how something is tried -------------------------------------------------

    async def _try(self, step: Step) -> Any:
        """Give what the step gave, or how it was refused; a refusal changes nothing."""
        try:
            async with self.session.begin_nested():
                return await step()
        except DomainError as refusal:
            return refusal

    async def now(self) -> datetime:
        return await clock.now(self.session)

    def count(self, what: str, outcome: Any) -> None:
        refused = isinstance(outcome, DomainError)
        self.house.counted[
            f"{what} {type(outcome).__name__ if refused else 'done'}"
        ] += 1
        self.house.counted["operations"] += 1

    def refusal(
        self, talk: Conversation, actor: Actor, now: datetime
    ) -> type[Exception] | None:
        """How whoever has no part is refused."""
        if talk.stands(actor, now):
            return None
        return Forbidden if actor.acting_as is Role.DISPATCHER else NotFound

    @rule(act=acts)
    def act(self, act: tuple[Any, ...]) -> None:
        getattr(self, act[0])(*act[1:])

    # -- talk -------------------------------------------------------------------

    def say(
        self,
        call: int,
        actor: int,
        text: str,
        name: str | None,
        picture: bool,
        times: int,
    ) -> None:
        for _ in range(times):
            self.run(
                self._say(self.talks[call], self.actors[actor], text, name, picture)
            )

    async def _say(
        self,
        talk: Conversation,
        actor: Actor,
        text: str,
        name: str | None,
        picture: bool = False,
    ) -> None:
        now = await self.now()
        taken = factories.taken() if picture else None
        told = await self._try(
            lambda: chat.send(self.session, actor, talk.call, text, name, taken)
        )
        self.count("say", told)
        refusal = self.refusal(talk, actor, now)
        known = talk.said_as(actor, name)
        if refusal is not None:
            assert type(told) is refusal
        elif known is not None:
            same = (known.text, known.picture) == (text, picture)
            assert (told.id == known.id) if same else type(told) is IdempotencyKeyReused
        elif talk.closed(now):
            assert type(told) is IllegalTransition
        elif isinstance(told, TooManyRequests):
            assert self.lately(actor, now, LATELY + HAIR) >= MOST
        else:
            assert self.lately(actor, now, LATELY - HAIR) < MOST
            assert told.seq == len(talk.words) + 1
            facts = (actor.acting_as, actor.user_id, text, name, told.created_at)
            talk.words.append(Word(told.id, *facts, picture))
        await self._compare(talk)

    def lately(self, actor: Actor, now: datetime, within: timedelta) -> int:
        return sum(
            word.sender == actor.user_id and word.at > now - within
            for talk in self.talks
            for word in talk.words
        )

    def quarrel(self, call: int, actor: int, many: int) -> None:
        """Now and then somebody says more in one breath than one may."""

        async def step() -> None:
            talk, one = self.talks[call], self.actors[actor]
            for _ in range(many):
                now = await self.now()
                told = await self._try(
                    lambda: chat.send(self.session, one, talk.call, "Ну!")
                )
                self.count("quarrel", told)
                if isinstance(told, DomainError):
                    late = self.lately(one, now, LATELY + HAIR) >= MOST
                    assert late or self.refusal(talk, one, now) or talk.closed(now)
                    break
                facts = (one.acting_as, one.user_id, "Ну!", None, told.created_at)
                talk.words.append(Word(told.id, *facts))
            await self._compare(talk)

        self.run(step())

    def read(self, call: int, actor: int, up_to: int) -> None:
        async def step() -> None:
            talk, one = self.talks[call], self.actors[actor]
            now = await self.now()
            told = await self._try(
                lambda: chat.mark_read(self.session, one, talk.call, up_to)
            )
            self.count("read", told)
            refusal = self.refusal(talk, one, now)
            assert (type(told) is refusal) if refusal else told is None
            if refusal is None:
                talk.read(one, up_to)
            await self._compare(talk)

        self.run(step())

    def hide(self, call: int, actor: int, place: int) -> None:
        async def step() -> None:
            talk, one = self.talks[call], self.actors[actor]
            if not talk.words:
                return
            word = talk.words[place % len(talk.words)]
            told = await self._try(
                lambda: chat.hide(self.session, one, word.id, "Лишнее")
            )
            self.count("hide", told)
            if one.acting_as is not Role.DISPATCHER or one.user_id == talk.patient:
                assert type(told) is Forbidden
            elif word.hidden or word.role is Role.SYSTEM:
                assert type(told) is IllegalTransition
            else:
                assert told.id == word.id
                word.hidden = True
            await self._compare(talk)

        self.run(step())

    def look_at_a_picture(self, call: int, actor: int, place: int) -> None:
        async def step() -> None:
            talk, one = self.talks[call], self.actors[actor]
            pictures = [word for word in talk.words if word.picture] or talk.words
            if not pictures:
                return
            word = pictures[place % len(pictures)]
            now = await self.now()
            told = await self._try(
                lambda: chat.picture(self.session, one, talk.call, word.id)
            )
            self.count("picture", told)
            refusal = self.refusal(talk, one, now)
            visible = word in [each for _, each in talk.shown(one)]
            open_ = not word.hidden or one.acting_as is Role.DISPATCHER
            if refusal is not None:
                assert type(told) is refusal
            elif word.picture and visible and open_:
                assert told.content == factories.taken().content
            else:
                assert type(told) is NotFound

        self.run(step())

    # -- the call goes on -------------------------------------------------------

    def the_call_moves(self, call: int, doctor: int, how: str) -> None:
        """Mostly as on a good day, else as somebody decides."""
        talk = self.talks[call]
        if how == "forward" and talk.doctor is None:
            how = "assign"
        if how in {"assign", "reassign"}:
            verb = assignments.assign if how == "assign" else assignments.reassign
            self.give(talk, self.doctors[doctor], verb)
        else:
            getattr(self, how)(talk)
        self.run(self._compare(talk))

    def give(self, talk: Conversation, doctor: uuid.UUID, verb: Any) -> None:
        before = talk.doctor
        done = self.step(lambda: verb(self.session, self.desk, talk.call, doctor, None))
        # The same doctor at another hour is no other doctor.
        if done and before != doctor:
            self.told(talk)
            talk.given(doctor)

    def unassign(self, talk: Conversation) -> None:
        verb = assignments.unassign
        if self.step(lambda: verb(self.session, self.desk, talk.call, None)):
            self.told(talk)
            talk.taken_away()

    def decline(self, talk: Conversation) -> None:
        if self.by_doctor(talk, visits.decline, "Пробки"):
            self.told(talk)
            talk.taken_away()

    def cancel(self, talk: Conversation) -> None:
        patient = Actor(talk.patient, Role.PATIENT, Via.API)
        verb, reason = bookings.cancel, CancelReason.OTHER
        if self.step(lambda: verb(self.session, patient, talk.call, reason)):
            self.told(talk)
            talk.over(self.run(self.now()), completed=False)

    def forward(self, talk: Conversation) -> None:
        """The doctor accepts, sets out, begins, ends: whatever is next."""
        for verb in (visits.accept, visits.depart, visits.start):
            if self.by_doctor(talk, verb):
                self.told(talk)
                talk.accepted = True
                return
        if self.by_doctor(talk, visits.complete, 30, "ОРВИ"):
            self.told(talk)
            talk.over(self.run(self.now()), completed=True)

    def time_passes(self, call: int, hours: float, another: bool) -> None:
        self.ahead += hours * 3600
        self.run(clock.shift(self.session, self.ahead))
        talk = self.talks[call]
        self.run(self._compare(talk))
        if another and talk.closed(self.run(self.now())):
            self.replace(call)

    def replace(self, call: int) -> None:
        """Leave what is over to the last look, and go on with a new call."""

        async def make() -> Conversation:
            user = self.talks[call].patient
            patient = Actor(user, Role.PATIENT, Via.API)
            made = await bookings.create(self.session, patient, factories.draft())
            return Conversation(made.id, user)

        fresh = self.run(make())
        self.talks.append(self.talks[call])
        self.talks[call] = fresh

    def by_doctor(self, talk: Conversation, verb: Any, *words: Any) -> bool:
        """The doctor who has the call does it; nobody can where nobody has it."""
        actor = Actor(talk.doctor or self.doctors[0], Role.DOCTOR, Via.API)
        return self.step(lambda: verb(self.session, actor, talk.call, *words))

    def step(self, step: Step) -> bool:
        async def settled() -> None:
            await step()
            await settle(self.session)

        told = self.run(self._try(settled))
        refused = isinstance(told, DomainError)
        self.house.counted["step refused" if refused else "step done"] += 1
        return not refused

    def told(self, talk: Conversation) -> None:
        """The conversation mentions the step, in words that the model takes over."""
        seq = len(talk.words) + 1

        async def last() -> Message:
            query = sa.select(Message).where(
                sa.column("booking_id") == talk.call, sa.column("seq") == seq
            )
            return (await self.session.scalars(query)).one()

        row = self.run(last())
        assert (row.kind, row.text, row.sender_id) == ("system", None, None)
        said = Word(row.id, Role.SYSTEM, None, "", None, row.created_at)
        talk.words.append(said)

    # -- what must hold ---------------------------------------------------------

    async def _compare(self, talk: Conversation, *, everybody: bool = False) -> None:
        """Everybody sees exactly what the model says, and others nothing."""
        query = sa.text(
            "SELECT app_now() AS now, coalesce(array_agg(seq ORDER BY seq), '{}')"
            " AS numbers FROM message WHERE booking_id = :id"
        )
        row = (await self.session.execute(query, {"id": talk.call})).one()
        now = row.now
        assert [*row.numbers] == [*range(1, len(talk.words) + 1)]
        for actor in self.actors if everybody else self._readers(talk, now):
            refusal = self.refusal(talk, actor, now)
            if refusal is not None:
                with pytest.raises(refusal):
                    await chat_rooms.enter(self.session, actor, talk.call)
                continue
            await self._compare_view(talk, actor)

    def _readers(self, talk: Conversation, now: datetime) -> list[Actor]:
        """Both sides of the call, and by turns one of the desk or of the others."""
        self.turns += 1
        inside = [each for each in self.actors if talk.stands(each, now)]
        desk = [each for each in inside if each.acting_as is Role.DISPATCHER]
        outside = [each for each in self.actors if each not in inside]
        others = desk if self.turns % 2 else outside
        sides = [each for each in inside if each not in desk]
        return [*sides, others[self.turns // 2 % len(others)]]

    async def _compare_view(self, talk: Conversation, actor: Actor) -> None:
        seen = [
            line
            for start in range(0, len(talk.words), chat_reads.AT_MOST)
            for line in await self._page(talk, actor, start)
        ]
        names = self.short if actor.acting_as is Role.DISPATCHER else self.names
        shown = talk.shown(actor)
        assert [line.seq for line in seen] == [seq for seq, _ in shown]
        for line, (_, word) in zip(seen, shown, strict=True):
            assert (line.id, line.role) == (word.id, word.role)
            assert line.name == talk.name(word, actor, names)
            own = word.sender == actor.user_id
            assert line.client_id == (word.client_id if own else None)
            if word.role is not Role.SYSTEM:
                assert line.text == talk.text(word, actor)
            pictured = word.picture and line.text != "Сообщение скрыто."
            assert (line.media_type is not None) == pictured
        found = await chat_reads.unread(self.session, actor, talk.call)
        assert (found.unread, found.up_to_seq, found.last_seq) == (
            talk.unread(actor),
            talk.mark(actor),
            len(talk.words),
        )

    async def _page(self, talk: Conversation, actor: Actor, after: int) -> Any:
        lines = await chat_reads.history(self.session, actor, talk.call, after)
        return [line for line in lines if line.seq <= after + chat_reads.AT_MOST]


def test_any_talk_is_what_the_model_says(
    database_url: str, settings_: Settings
) -> None:
    house = Talking.house = House(database_url, settings_)
    try:
        run_state_machine_as_test(
            Talking,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        house.close()
    counted = house.counted
    assert counted["operations"] >= OPERATIONS
    # What nobody reached, nobody proved.
    for reached in (
        "say done",
        "say IdempotencyKeyReused",
        "say NotFound",
        "say Forbidden",
        "quarrel TooManyRequests",
        "read done",
        "hide done",
        "hide IllegalTransition",
        "picture done",
        "picture NotFound",
        "say IllegalTransition",
        "step done",
        "step refused",
    ):
        assert counted[reached], (reached, counted)


@pytest.fixture
def settings_(settings: Any) -> Settings:
    return settings
