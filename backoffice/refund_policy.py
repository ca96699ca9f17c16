"""The refund policy: its rules in plain words, an example, and a new version."""

from collections.abc import Mapping
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from backoffice import formats, forms
from backoffice.command_calls import Call
from backoffice.commands import Done, command
from backoffice.new_call_form import Typed
from backoffice.pages import Page, page
from backoffice.refused_forms import refused
from models.refund import Rule
from services import refund_policies, staff_names
from services.edges import in_transaction
from services.errors import DomainError
from services.i18n import Lazy, gettext
from services.permissions import Permission
from services.refund_policies import Tier

HERE = "/admin/refund-policy"
EXAMPLE, DEAREST = 450_000, 100_000_000
# Who is not to blame gets everything back: no version may say anything else.
FIXED = Rule.NOT_OUR_PATIENT
# Where a call stands, as one says it: «Вызов 4 500 ₽, врач в пути → вернём 3 600 ₽».
STANDS: Mapping[Rule, str] = {
    Rule.NOT_OUR_PATIENT: Lazy("we or the clinic are to blame, or nobody was assigned"),
    Rule.NOT_DEPARTED: Lazy("the doctor has not set out"),
    Rule.EN_ROUTE: Lazy("the doctor is on the way"),
    Rule.ON_SCENE: Lazy("the doctor is at the door"),
    Rule.IN_PROGRESS: Lazy("the visit has begun"),
    Rule.COMPLETED: Lazy("the visit is over"),
}


class RefundPolicyPage(Page):
    """The version that holds, what came before, and the form of the next one."""

    name = Lazy("Refund policy")
    icon = "ti ti-arrow-back-up-double"
    needs = {"list": Permission.REFUND_POLICY_EDIT}

    @page("/refund-policy")
    async def refund_policy(self, request: Request) -> Response:
        """Show the policy; `?sum=` is the price of the example."""
        return await self.form(request)

    async def form(
        self,
        request: Request,
        call: Call | None = None,
        error: DomainError | None = None,
    ) -> Response:
        """Draw the page; what was typed and refused stands there again."""
        typed = refused(call, error)
        actor = Call(request, {}).actor

        async def read(session: AsyncSession) -> dict[str, Any]:
            versions = await refund_policies.versions(session, actor)
            people = [each.created_by for each in versions]
            return {
                "versions": versions,
                "names": await staff_names.of(session, people),
            }

        context = await in_transaction(request.app.state.sessions, read)
        context |= {"typed": typed, "tiers_of": refund_policies.tiers_of}
        context |= {"now": context["versions"][0], "fixed": FIXED}
        context["stands"] = {rule: str(words) for rule, words in STANDS.items()}
        context |= {"in_words": in_words, "field": _field, "example": _example(request)}
        return await self.render(request, "money/policy.html", context)

    @command("/refund-policy", Permission.REFUND_POLICY_EDIT, again="form", fresh=True)
    async def publish(self, session: AsyncSession, call: Call) -> Done:
        """Make the next version; calls that have ended keep theirs."""
        tiers = [_tier(call, rule) for rule in Rule]
        version = call.integer("version") or 0
        made = await refund_policies.publish(session, call.actor, tiers, version)
        text = gettext("Version {version} holds from now on.", version=made.version)
        return Done(text, HERE)


def in_words(tier: Tier) -> str:
    """A rule as one says it."""
    if tier.percent == 100:
        return gettext("Everything goes back.")
    most = tier.kept_at_most_kopecks
    if most is None:
        if tier.percent == 0:
            return gettext("Nothing goes back by policy.")
        return gettext("{percent} % go back.", percent=tier.percent)
    return gettext(
        "{percent} % go back; we keep at most {most}.",
        percent=tier.percent,
        most=formats.roubles(most),
    )


def _field(typed: Typed, tier: Tier, name: str) -> str:
    """What stands in a field of a rule: what was typed, or what holds now."""
    key = f"{name}:{tier.rule.value}"
    if key in typed.fields:
        return typed.text(key)
    if name == "percent":
        return str(tier.percent)
    most = tier.kept_at_most_kopecks
    return "" if most is None else forms.roubles_text(most)


def _example(request: Request) -> int:
    """The price of the example in kopecks; the usual one unless another makes sense."""
    try:
        return forms.kopecks_of(request.query_params.get("sum", "")[:20]) or EXAMPLE
    except ValueError:
        return EXAMPLE


def _tier(call: Call, rule: Rule) -> Tier:
    if rule is FIXED:
        return Tier(rule=rule, percent=100, kept_at_most_kopecks=0)
    most, field = None, f"kept:{rule.value}"
    if typed := call.text(field)[:20]:
        try:
            most = forms.kopecks_of(typed)
        except ValueError as error:
            raise call.wrong(field, str(error)) from None
        if most > DEAREST:
            raise call.wrong(field, gettext("This value does not fit."))
    return Tier(rule=rule, percent=_percent(call, rule), kept_at_most_kopecks=most)


def _percent(call: Call, rule: Rule) -> int:
    name = f"percent:{rule.value}"
    found = call.integer(name)
    if found is None or not 0 <= found <= 100:
        raise call.wrong(name, gettext("Enter whole percent from 0 to 100."))
    return found
