"""What the fiscal receipt of a payment says (54-FZ): it travels with the request.

Before the visit it is a full prepayment, which a closing receipt sets off later;
after it, a full payment. Source: https://yookassa.ru/developers/54fz/parameters-values
"""

from models import Booking, User
from models.booking import Status
from services.config import Settings
from services.gateways.yookassa_bodies import Receipt, ReceiptItem


def of(
    settings: Settings, booking: Booking, payer: User, amount: int
) -> Receipt | None:
    """Give the receipt of a payment of so many kopecks; None where none is sent.

    Without an e-mail of the payer or of the house there is none: the provider then
    refuses a payment that needs one.
    """
    email = payer.email or settings.yookassa_receipt_email
    if not (settings.yookassa_receipts and email):
        return None
    over = booking.status is Status.COMPLETED
    line = ReceiptItem(
        description=f"Выезд врача, заказ № {booking.label}",
        amount_kopecks=amount,
        vat_code=booking.vat_code,
        payment_mode="full_payment" if over else "full_prepayment",
    )
    return Receipt(email, (line,))
