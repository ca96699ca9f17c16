"""Every posting recipe on one screen: what moves, from where, to where.

Each recipe has one key for each thing that happens, so that it is posted once however
often a notice, a job or a click repeats. Amounts are kopecks.
"""

import uuid

from models.ledger import AccountKind
from services.ledger import Account, Move, Posting

CLEARING, BANK = Account(AccountKind.PSP_CLEARING), Account(AccountKind.BANK)
REVENUE = Account(AccountKind.REVENUE_SERVICE)
KEPT = Account(AccountKind.REVENUE_CANCELLATION)
FEE = Account(AccountKind.EXPENSE_PSP_FEE)
COMPENSATION = Account(AccountKind.EXPENSE_COMPENSATION)
IN_TRANSIT = Account(AccountKind.REFUND_IN_TRANSIT)
SUSPENSE = Account(AccountKind.SUSPENSE)


def wallet(user_id: uuid.UUID) -> Account:
    """What we owe a patient."""
    return Account(AccountKind.WALLET, user_id)


def prepaid(booking_id: uuid.UUID) -> Account:
    """What is paid for a visit and not yet earned: the most that can go back."""
    return Account(AccountKind.VISIT_PREPAID, booking_id)


def receivable(booking_id: uuid.UUID) -> Account:
    """What a finished visit is still owed."""
    return Account(AccountKind.VISIT_RECEIVABLE, booking_id)


def doctor(user_id: uuid.UUID) -> Account:
    """What we owe a doctor; below nothing it is a debt, netted in the next register."""
    return Account(AccountKind.DOCTOR_PAYABLE, user_id)


def clinic(clinic_id: uuid.UUID) -> Account:
    """What we owe a clinic."""
    return Account(AccountKind.CLINIC_PAYABLE, clinic_id)


def _of(
    key: str,
    kind: str,
    ref: tuple[str, uuid.UUID | None],
    booking_id: uuid.UUID | None,
    *moves: Move,
) -> Posting:
    return Posting(key, kind, ref[0], ref[1], booking_id, moves)


# -- money in -----------------------------------------------------------------


def paid(
    payment_id: uuid.UUID, booking_id: uuid.UUID, source: Account, owed: int, early: int
) -> Posting:
    """A payment came: `owed` settles a finished visit, `early` waits for the visit."""
    return _of(
        f"payment:{payment_id}:succeeded",
        "payment",
        ("payment", payment_id),
        booking_id,
        Move(source, receivable(booking_id), owed),
        Move(source, prepaid(booking_id), early),
    )


def fee(payment_id: uuid.UUID, booking_id: uuid.UUID, kopecks: int) -> Posting:
    """The provider keeps its fee of a payment."""
    return _of(
        f"payment:{payment_id}:fee",
        "fee",
        ("payment", payment_id),
        booking_id,
        Move(FEE, CLEARING, kopecks),
    )


# -- the visit ----------------------------------------------------------------


def earned(
    key: str, booking_id: uuid.UUID, payee: Account, share: int, rest: int, early: int
) -> Posting:
    """The visit, or extras agreed to later, are earned: `share` and `rest` of the house.

    What is prepaid settles it in the same journal, up to `early`.
    """
    owed = receivable(booking_id)
    return _of(
        f"booking:{booking_id}:{key}",
        "earned",
        ("booking", booking_id),
        booking_id,
        Move(owed, payee, share),
        Move(owed, REVENUE, rest),
        Move(prepaid(booking_id), owed, early),
    )


def kept(key: str, booking_id: uuid.UUID, kopecks: int) -> Posting:
    """What a cancelled visit does not give back is the house's."""
    return _of(
        f"booking:{booking_id}:kept:{key}",
        "kept",
        ("booking", booking_id),
        booking_id,
        Move(prepaid(booking_id), KEPT, kopecks),
    )


# -- money back ---------------------------------------------------------------


def reserved(
    refund_id: uuid.UUID,
    booking_id: uuid.UUID,
    kopecks: int,
    unwound: tuple[Account, int, int] | None = None,
    version: str = "",
) -> Posting:
    """A refund is asked for: nothing else can take this money any more.

    After completion `unwound` = (payee, of the payee, of the house) is taken back from
    what was earned first. A refund that is changed is undone and reserved anew, under
    the version that it then has.
    """
    payee, theirs, ours = unwound or (REVENUE, 0, 0)
    return _of(
        f"refund:{refund_id}:reserved{version}",
        "refund_reserved",
        ("refund", refund_id),
        booking_id,
        Move(payee, prepaid(booking_id), theirs),
        Move(REVENUE, prepaid(booking_id), ours),
        Move(prepaid(booking_id), IN_TRANSIT, kopecks),
    )


def refunded(
    refund_id: uuid.UUID, booking_id: uuid.UUID, target: Account, kopecks: int
) -> Posting:
    """A refund arrived: through the provider, in the wallet, or from the bank."""
    return _of(
        f"refund:{refund_id}:succeeded",
        "refund_succeeded",
        ("refund", refund_id),
        booking_id,
        Move(IN_TRANSIT, target, kopecks),
    )


def released(
    refund_id: uuid.UUID,
    booking_id: uuid.UUID,
    kopecks: int,
    unwound: tuple[Account, int, int] | None = None,
    version: str = "",
) -> Posting:
    """A refund failed or was rejected: the reservation is undone, to the kopeck."""
    payee, theirs, ours = unwound or (REVENUE, 0, 0)
    return _of(
        f"refund:{refund_id}:released{version}",
        "refund_released",
        ("refund", refund_id),
        booking_id,
        Move(IN_TRANSIT, prepaid(booking_id), kopecks),
        Move(prepaid(booking_id), payee, theirs),
        Move(prepaid(booking_id), REVENUE, ours),
    )


# -- the wallet ---------------------------------------------------------------


def compensated(
    key: uuid.UUID, booking_id: uuid.UUID, user_id: uuid.UUID, kopecks: int
) -> Posting:
    """The house makes good for something, into the wallet."""
    return _of(
        f"compensation:{key}",
        "compensation",
        ("compensation", key),
        booking_id,
        Move(COMPENSATION, wallet(user_id), kopecks),
    )


def withdrawn(withdrawal_id: uuid.UUID, user_id: uuid.UUID, kopecks: int) -> Posting:
    """A withdrawal is asked for: the money can no longer be spent."""
    return _of(
        f"withdrawal:{withdrawal_id}:reserved",
        "withdrawal_reserved",
        ("withdrawal", withdrawal_id),
        None,
        Move(wallet(user_id), IN_TRANSIT, kopecks),
    )


def withdrawal_transferred(withdrawal_id: uuid.UUID, kopecks: int) -> Posting:
    """The part of a withdrawal that is sent by hand has left the bank."""
    return _of(
        f"withdrawal:{withdrawal_id}:transferred",
        "withdrawal_transferred",
        ("withdrawal", withdrawal_id),
        None,
        Move(IN_TRANSIT, BANK, kopecks),
    )


def withdrawal_returned(
    withdrawal_id: uuid.UUID, user_id: uuid.UUID, kopecks: int
) -> Posting:
    """A withdrawal was rejected: the money is in the wallet again."""
    return _of(
        f"withdrawal:{withdrawal_id}:returned",
        "withdrawal_returned",
        ("withdrawal", withdrawal_id),
        None,
        Move(IN_TRANSIT, wallet(user_id), kopecks),
    )


def merged(old_id: uuid.UUID, new_id: uuid.UUID, kopecks: int) -> Posting:
    """An account made by phone was claimed: its wallet goes along."""
    return _of(
        f"wallet:{old_id}:merged",
        "wallet_merged",
        ("user", new_id),
        None,
        Move(wallet(old_id), wallet(new_id), kopecks),
    )


# -- payouts and settlement ---------------------------------------------------


def paid_out(
    line_id: uuid.UUID, payout_id: uuid.UUID, payee: Account, kopecks: int
) -> Posting:
    """A line of a payout register has been paid."""
    return _of(
        f"payout:{line_id}:paid",
        "payout",
        ("payout", payout_id),
        None,
        Move(payee, BANK, kopecks),
    )


def payout_reversed(
    line_id: uuid.UUID, payout_id: uuid.UUID, payee: Account, kopecks: int
) -> Posting:
    """A line of a payout register came back."""
    return _of(
        f"payout:{line_id}:reversed",
        "payout_reversed",
        ("payout", payout_id),
        None,
        Move(BANK, payee, kopecks),
    )


def settled(key: str, kopecks: int) -> Posting:
    """The provider has transferred what it held to our bank; below nothing, kept back.

    Its key is the provider's id of the payment or refund, which is settled once.
    """
    ways = (BANK, CLEARING) if kopecks >= 0 else (CLEARING, BANK)
    return _of(
        f"settlement:{key}",
        "settlement",
        ("settlement", None),
        None,
        Move(*ways, abs(kopecks)),
    )
