"""Words of the pages, Russian with English beside."""

STATUSES = {
    "pending": ("Ожидает оплаты", "Awaiting payment"),
    "waiting_for_capture": ("Деньги удержаны", "Money is held"),
    "succeeded": ("Оплачено", "Paid"),
    "canceled": ("Отменён", "Cancelled"),
}
NAMES = {
    "pending": "в пути",
    "waiting_for_capture": "удержан",
    "succeeded": "успешно",
    "canceled": "отменён",
    "delivered": "доставлен",
    "failed": "не доставлен",
    "lost": "потерян",
}
METHODS = {"bank_card": "Банковская карта", "sbp": "СБП"}
REASONS = {
    "3d_secure_failed": "не пройдена проверка 3-D Secure",
    "insufficient_funds": "недостаточно средств",
    "general_decline": "банк отклонил платёж",
    "canceled_by_merchant": "отменил магазин",
    "expired_on_confirmation": "истекло время оплаты",
    "expired_on_capture": "магазин не подтвердил списание",
    "rejected_by_payee": "банк получателя отказал",
}


def roubles(kopecks: int) -> str:
    """Write a sum for people: 2 500,00 ₽."""
    whole = f"{kopecks // 100:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return f"{whole},{kopecks % 100:02d}\N{NO-BREAK SPACE}₽"


def reason(code: str) -> str:
    return REASONS.get(code, code)
