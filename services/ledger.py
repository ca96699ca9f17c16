"""The ledger's only writer. What is posted stands in services/postings.py.

A posting happens once for its key. Accounts are made when they are first needed;
guarded ones are locked in the order of their ids, house accounts never.
"""

import hashlib
import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import uuid7
from models.ledger import GUARDED, OWNED, AccountKind, nature_of, sign_of
from services import direct
from services.actor import Actor
from services.errors import InsufficientFunds, LedgerConflict

# Accounts are made before any is locked: whoever waits for one that a rival is making
# holds nothing that the rival could want.
_OPEN = """
INSERT INTO ledger_account
  (id, code, kind, nature, owner_id, currency, guarded, balance_kopecks, version)
SELECT id, code, kind, nature, owner_id, 'RUB', guarded,
       CASE WHEN guarded THEN 0 END, 0
  FROM jsonb_to_recordset(%(accounts)s::jsonb) AS wanted
       (id uuid, code text, kind text, nature text, owner_id uuid, guarded boolean)
 ORDER BY code
ON CONFLICT (code) DO NOTHING RETURNING id
"""
_WALLETS = """
WITH opened AS (
  INSERT INTO ledger_account
    (id, code, kind, nature, owner_id, currency, guarded, balance_kopecks, version)
  SELECT gen_random_uuid(), 'wallet:' || p.user_id, 'wallet', 'liability', p.user_id,
         'RUB', true, 0, 0
    FROM patient_profile p
  ON CONFLICT (code) DO NOTHING RETURNING id)
SELECT count(*) FROM opened
"""
_JOURNAL = f"""
WITH opened AS ({_OPEN})
INSERT INTO ledger_journal
  (id, idem_key, request_hash, kind, ref_type, ref_id, booking_id,
   actor_id, acting_as, via)
VALUES (%(id)s, %(key)s, %(hash)s, %(kind)s, %(ref_type)s, %(ref_id)s,
        %(booking_id)s, %(actor_id)s, %(acting_as)s, %(via)s)
ON CONFLICT (idem_key) DO NOTHING RETURNING id
"""  # noqa: S608 - a constant of ours
_EARLIER = "SELECT id, request_hash FROM ledger_journal WHERE idem_key = %(key)s"
# Guarded accounts are locked in the order of their ids; no leg is written unless every
# one of them holds enough.
_ENTRIES = """
WITH leg AS (
  SELECT id, code, amount
    FROM jsonb_to_recordset(%(legs)s::jsonb) AS leg (id uuid, code text, amount bigint)
), held AS MATERIALIZED (
  SELECT id, code, balance_kopecks FROM ledger_account
   WHERE code IN (SELECT code FROM leg) AND guarded ORDER BY id FOR NO KEY UPDATE
), found AS (
  SELECT id, code FROM held
  UNION ALL
  SELECT id, code FROM ledger_account
   WHERE code IN (SELECT code FROM leg) AND NOT guarded
)
INSERT INTO ledger_entry (id, journal_id, account_id, amount_kopecks)
SELECT leg.id, %(journal_id)s, found.id, leg.amount
  FROM leg JOIN found USING (code)
 WHERE NOT EXISTS (
   SELECT FROM leg JOIN held USING (code) WHERE held.balance_kopecks + leg.amount < 0)
 ORDER BY found.id
RETURNING id
"""
# What an unguarded account comes to: the last snapshot and all that came after it.
_BALANCES = """
SELECT a.code, coalesce(a.balance_kopecks, coalesce(s.sum_kopecks, 0) + (
         SELECT coalesce(sum(e.amount_kopecks), 0) FROM ledger_entry e
          WHERE e.account_id = a.id
            AND e.created_at > coalesce(s.up_to, '-infinity')))::bigint AS total
  FROM ledger_account a
  LEFT JOIN LATERAL (
    SELECT up_to, sum_kopecks FROM ledger_snapshot
     WHERE account_id = a.id ORDER BY up_to DESC LIMIT 1) s ON true
 WHERE a.code = ANY(%(codes)s)
"""


@dataclass(frozen=True)
class Account:
    """One account of the chart; kinds with an owner need the owner's id."""

    kind: AccountKind
    owner_id: uuid.UUID | None = None

    @property
    def code(self) -> str:
        """The name in the database: the kind, and the owner after a colon."""
        if (self.owner_id is not None) is not (self.kind in OWNED):
            raise ValueError(f"{self.kind.value}: owned or not, not both")
        owner = "" if self.owner_id is None else f":{self.owner_id}"
        return f"{self.kind.value}{owner}"


@dataclass(frozen=True)
class Move:
    """So many kopecks out of one account into another; nothing moves nothing."""

    source: Account
    target: Account
    kopecks: int


@dataclass(frozen=True)
class Posting:
    """What is to be written once: its key, what it is about, what moves."""

    key: str
    kind: str
    ref_type: str
    ref_id: uuid.UUID | None
    booking_id: uuid.UUID | None
    moves: Sequence[Move]

    def legs(self) -> Mapping[Account, int]:
        """Net the moves: a debit is negative, a credit positive, together nothing."""
        legs: dict[Account, int] = {}
        for move in self.moves:
            if move.kopecks < 0:
                raise ValueError(f"{self.kind}: {move.kopecks} kopecks cannot move")
            legs[move.source] = legs.get(move.source, 0) - move.kopecks
            legs[move.target] = legs.get(move.target, 0) + move.kopecks
        return {account: amount for account, amount in legs.items() if amount}

    def fingerprint(self) -> str:
        """Tell this posting from another one under the same key."""
        legs = sorted((account.code, amount) for account, amount in self.legs().items())
        said = json.dumps([self.kind, self.ref_type, str(self.ref_id), legs])
        return hashlib.sha256(said.encode()).hexdigest()


async def post(session: AsyncSession, actor: Actor, posting: Posting) -> bool:
    """Write a posting; False when it was written before, or moves nothing.

    Raises InsufficientFunds when a guarded account would fall below nothing, and
    LedgerConflict when the key was used for other amounts.
    """
    legs = posting.legs()
    if not legs:
        return False
    journal_id = await _journal(session, actor, posting, legs)
    if journal_id is None:
        return False
    written = [
        {"id": str(uuid7()), "code": account.code, "amount": amount}
        for account, amount in legs.items()
    ]
    values = {"journal_id": journal_id, "legs": json.dumps(written)}
    if not await direct.fetch_all(session, _ENTRIES, values):
        raise InsufficientFunds
    return True


async def open_account(session: AsyncSession, account: Account) -> None:
    """Make an account unless it is there; it holds nothing."""
    await direct.fetch_all(session, _OPEN, {"accounts": _wanted([account])})


async def open_wallets(session: AsyncSession) -> None:
    """Make the wallets that are missing, in one statement however many they are."""
    await direct.fetch_one(session, _WALLETS, {})


async def balance(session: AsyncSession, account: Account) -> int:
    """Give what the account holds in kopecks, as people read it: assets positive."""
    return (await balances(session, [account]))[account]


async def balances(
    session: AsyncSession, accounts: Collection[Account]
) -> Mapping[Account, int]:
    """Give the balance of each of these accounts; one that is not there holds nothing."""
    codes = {account.code: account for account in accounts}
    rows = await direct.fetch_all(session, _BALANCES, {"codes": list(codes)})
    held = {codes[row.code]: int(row.total) for row in rows}
    return {each: sign_of(each.kind) * held.get(each, 0) for each in accounts}


async def _journal(
    session: AsyncSession,
    actor: Actor,
    posting: Posting,
    accounts: Collection[Account],
) -> uuid.UUID | None:
    """Make the accounts and the journal; None when the same one is there already."""
    values: dict[str, Any] = {
        "accounts": _wanted(accounts),
        "id": uuid7(),
        "key": posting.key,
        "hash": posting.fingerprint(),
        "kind": posting.kind,
        "ref_type": posting.ref_type,
        "ref_id": posting.ref_id,
        "booking_id": posting.booking_id,
        "actor_id": actor.user_id,
        "acting_as": actor.acting_as,
        "via": actor.via,
    }
    made = await direct.fetch_one(session, _JOURNAL, values)
    if made is not None:
        return uuid.UUID(str(made.id))
    earlier: Any = await direct.fetch_one(session, _EARLIER, {"key": posting.key})
    if earlier.request_hash != values["hash"]:
        raise LedgerConflict
    return None


def _wanted(accounts: Collection[Account]) -> str:
    return json.dumps(
        [
            {
                "id": str(uuid7()),
                "code": account.code,
                "kind": account.kind,
                "nature": nature_of(account.kind),
                "owner_id": account.owner_id and str(account.owner_id),
                "guarded": account.kind in GUARDED,
            }
            for account in accounts
        ]
    )
