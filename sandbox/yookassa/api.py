"""The endpoints of /v3: which path and method mean which verb."""

import re
from collections.abc import Callable
from typing import Any

from sandbox.yookassa import listing, payments, payouts, receipts, refunds
from sandbox.yookassa.problems import Problem
from sandbox.yookassa.provider import Call, Provider
from sandbox.yookassa.records import Payment, Payout, Receipt, Refund
from sandbox.yookassa.rendering import Shown, shown

Handler = Callable[[Provider, Call], dict[str, Any]]


def _one(verb: Callable[[Provider, Call], Shown]) -> Handler:
    return lambda provider, call: shown(provider.config, verb(provider, call))


def _list(kind: type[Any]) -> Handler:
    return lambda provider, call: listing.page(provider, call, kind)


def me(provider: Provider, call: Call) -> dict[str, Any]:
    """https://yookassa.ru/developers/api#me"""
    config = provider.config
    provided = {"provider": "yoo_receipt"} if config.fiscalization else {}
    fiscal = {"enabled": config.fiscalization, **provided}
    return {
        "account_id": call.shop,
        "status": "enabled",
        "test": True,
        "fiscalization": fiscal,
        "fiscalization_enabled": config.fiscalization,
        "payment_methods": ["bank_card", "sbp"],
    }


ENDPOINTS: tuple[tuple[str, dict[str, Handler]], ...] = (
    ("/v3/payments", {"POST": _one(payments.create), "GET": _list(Payment)}),
    ("/v3/payments/([^/]+)", {"GET": _one(payments.find)}),
    ("/v3/payments/([^/]+)/capture", {"POST": _one(payments.capture)}),
    ("/v3/payments/([^/]+)/cancel", {"POST": _one(payments.cancel)}),
    ("/v3/refunds", {"POST": _one(refunds.create), "GET": _list(Refund)}),
    ("/v3/refunds/([^/]+)", {"GET": _one(refunds.find)}),
    ("/v3/receipts", {"POST": _one(receipts.create), "GET": _list(Receipt)}),
    ("/v3/receipts/([^/]+)", {"GET": _one(receipts.find)}),
    ("/v3/payouts", {"POST": _one(payouts.create), "GET": _list(Payout)}),
    ("/v3/payouts/([^/]+)", {"GET": _one(payouts.find)}),
    ("/v3/sbp_banks", {"GET": payouts.banks}),
    ("/v3/me", {"GET": me}),
)
COMPILED = tuple((re.compile(path), verbs) for path, verbs in ENDPOINTS)


def handler(method: str, path: str) -> tuple[Handler, tuple[str, ...]]:
    """Find the verb and the ids of the path; 404 and 405 when there is none."""
    for pattern, verbs in COMPILED:
        if found := pattern.fullmatch(path):
            if method not in verbs:
                raise Problem("Method not allowed", status=405)
            return verbs[method], found.groups()
    raise Problem("There is no such resource", status=404)
