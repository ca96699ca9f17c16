"""How patients of the simulated day pay: on the provider's page, like anybody."""

from typing import Any

from sandbox.client import Account, World

METHODS = ("card", "sbp", "wallet")
WEIGHTS = (58, 34, 8)
DECLINES = 0.07
CLAIMS = 0.02
AGREES = 0.85


async def pay(world: World, account: Account, booking_id: str) -> None:
    """Pay what is owed; a declined card is followed by one more try."""
    for _ in range(2):
        method = world.chance.choices(METHODS, WEIGHTS)[0]
        answer = await account.call(
            "POST", f"/v1/bookings/{booking_id}/payments", {"method": method}, once=True
        )
        if not answer.is_success:
            world.told["payments refused"] += 1
            continue
        payment = answer.json()
        if payment["status"] == "succeeded" or await _confirm(world, payment):
            world.told["paid"] += 1
            return


async def _confirm(world: World, payment: dict[str, Any]) -> bool:
    """Open the provider's page or the link of the QR code, and decide there."""
    address = payment.get("confirmation_url") or payment.get("qr_payload")
    if not address:
        return False
    await world.pass_minutes(0.3, 2)
    action = "decline" if world.likely(DECLINES) else "pay"
    await world.send("POST", f"{address}/act", data={"action": action})
    return action == "pay"


async def settle(world: World, account: Account, booking_id: str) -> None:
    """After the visit: agree to what was added, pay, and seldom claim it back."""
    found = await account.call("GET", f"/v1/bookings/{booking_id}")
    booking = found.json() if found.is_success else {}
    if booking.get("status") != "completed":
        return
    path = f"/v1/bookings/{booking_id}"
    if booking.get("extra_awaits_consent") and world.likely(AGREES):
        await account.call("POST", f"{path}/extra-consent", {}, once=True)
    if booking["payment_state"] in {"unpaid", "pending"} or not _whole(booking):
        await world.pass_minutes(1, 15)
        await pay(world, account, booking_id)
    if world.likely(CLAIMS):
        await world.pass_minutes(5, 30)
        claim = {"reason_code": "poor_service", "comment": "Врач очень спешил"}
        await account.call("POST", f"{path}/refund-requests", claim, once=True)


def _whole(booking: dict[str, Any]) -> bool:
    return bool(booking["paid_kopecks"] >= booking["price_kopecks"])
