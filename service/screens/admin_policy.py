"""The policy of messages in the administration: which go out, how late, not at night, and what reminds."""

from typing import Any

from aiohttp import web

from service import message_policies, stores
from service.api.message_policies import check_reach
from service.api.reading import checked
from service.callers import Scope
from service.database import connection, transaction
from service.errors import Problem, UnknownStore
from service.message_policies import DEPLOYMENT
from service.models.message_policies import MessagePolicy, MessagePolicyBody
from service.screens.admin_devices import stores_of
from service.screens.admin_frame import Form, Page, endpoint, form, seeing, version

ADMIN = frozenset({Scope.ADMIN})


def _whose(page: Page, store: str) -> str:
    """Whose policy: the deployment's, or a store's that is theirs. Raises UnknownStore, and Forbidden."""
    if store:
        if not page.visit.caller.may_see(store):
            raise UnknownStore
    else:
        check_reach(page.visit.caller)
    return store or DEPLOYMENT


async def _shown(page: Page, store: str) -> dict[str, Any]:
    async with connection(page.call.pool) as db:
        if store != DEPLOYMENT:
            await stores.find(db, store)
        policy = await message_policies.find(db, store)
    own = {(rule.kind, rule.channel, rule.person): rule for rule in policy.rules}
    return {
        "policy": policy,
        "store": store,
        "stores": await stores_of(page),
        "rules": [(rule, own.get((rule.kind, rule.channel, rule.person))) for rule in policy.in_force.rules],
    }


async def show(page: Page) -> web.Response:
    """What holds, and what was said about it here."""
    known = await stores_of(page)
    own = page.visit.caller.stores
    asked = page.call.request.query.get("store", "" if own is None else next((one.id for one in known), ""))
    return page.show("policy.html", **await _shown(page, _whose(page, asked)))


def _asked(fields: Form, before: MessagePolicy) -> dict[str, Any]:
    """What the form says; what it leaves empty is as one level up."""
    rules = []
    for rule in before.in_force.rules:
        place = f"{rule.kind}.{rule.channel}.{rule.person}"
        said: dict[str, Any] = {
            "send": fields.get(f"{place}.send") or None,
            "delay_minutes": fields.get(f"{place}.delay") or None,
            "fallback": fields.get(f"{place}.fallback") or None,
        }
        quiet = fields.get(f"{place}.quiet", "")
        said |= {"quiet": quiet == "yes"} if quiet else {}
        if any(value is not None for value in said.values()):
            names = {"kind": rule.kind, "channel": rule.channel, "person": rule.person}
            rules.append({**names, **{name: value for name, value in said.items() if value is not None}})
    asked: dict[str, Any] = {"rules": rules}
    if fields.get("hours") == "own":
        asked["quiet_hours"] = {"from": fields.get("from") or None, "to": fields.get("to") or None}
    if fields.get("reminding") == "own":
        hours = fields.get("hours_before", "").replace(",", " ").replace(";", " ").split()
        asked["reminders"] = {"hours_before": hours, "minimum_gap_hours": fields.get("gap") or 12}
    return asked


async def change(page: Page) -> web.Response:
    """Say all of it anew, where nobody else has since."""
    fields = await form(page.call)
    store = _whose(page, fields.get("store", ""))
    try:
        async with transaction(page.call.pool) as db:
            if store != DEPLOYMENT:
                await stores.find(db, store)
            before = await message_policies.find(db, store)
            body = checked(MessagePolicyBody.model_validate, _asked(fields, before))
            expected = version(fields)
            await message_policies.put(db, body, caller=page.visit.caller, store=store, expected=expected)
    except Problem as problem:
        return page.refused(problem, "policy.html", typed=fields, **await _shown(page, store))
    return seeing(f"/admin/messages/policy?store={store}&done=saved")


ENDPOINTS = (
    endpoint("GET", "/admin/messages/policy", show, ADMIN),
    endpoint("POST", "/admin/messages/policy", change, ADMIN),
)
