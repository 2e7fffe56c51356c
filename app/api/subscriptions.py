"""/api/subscriptions, /api/senders: who is told of alarms, and by what."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from sqlalchemy import Connection
from typing_extensions import TypedDict

from alerts import subscriptions
from alerts.deliveries.subscribed import scope_of_account
from alerts.senders import SENDERS
from alerts.subscriptions import Created, Preview, PreviewIn, Subscription, SubscriptionChange, SubscriptionIn
from app.api.shapes import INT4, Limit, part
from app.deps import Conn, Now, Who
from core.errors import NotFound
from core.nouns import Page
from core.viewer import Permission, Viewer
from core.vocabulary import Text, label

router = APIRouter(tags=["subscriptions"])
Id = Annotated[str, Path(min_length=1, max_length=200)]
# what sends where an administrator alone may say: programs of others, telephones that cost, the city's own broker
FOR_MANAGERS = frozenset({"mqtt", "cap", "gateway", "cot"})


class Sender(TypedDict):
    """A way to reach people or programs. `options` is the JSON schema of what it wants to know, `secrets` those of them
    that never come back; `mine`: who asks may use it for themselves."""

    key: str
    names: Text
    options: dict[str, Any]
    secrets: list[str]
    mine: bool


class Tested(TypedDict):
    """A test message is on its way: what becomes of this delivery says whether it arrived."""

    delivery: int


@router.get("/api/senders")
def get_senders(who: Who, cursor: str | None = None, limit: Limit = 200) -> Page[Sender]:
    """What a subscription can be carried by."""
    need_some(who)
    found: list[Sender] = [
        {
            "key": kind.key,
            "names": label("senders", kind.key),
            "options": kind.options.model_json_schema(),
            "secrets": sorted(kind.options.secret_names()),
            "mine": may_use(who, kind.key),
        }
        for kind in SENDERS
        if not kind.ours
    ]
    return part(found, cursor, limit)


def may_use(who: Viewer, sender: str) -> bool:
    return who.may(Permission.SUBSCRIPTION_MANAGE) or (
        who.may(Permission.SUBSCRIPTION_OWN) and sender not in FOR_MANAGERS
    )


@router.get("/api/subscriptions")
def get_subscriptions(
    conn: Conn,
    who: Who,
    now: Now,
    mine: Annotated[bool, Query(description="one's own alone")] = False,
    cursor: str | None = None,
    limit: Limit = 200,
) -> Page[Subscription]:
    """Who manages them sees all, others their own."""
    need_some(who)
    all_of_them = who.may(Permission.SUBSCRIPTION_MANAGE) and not mine
    found = subscriptions.list_subscriptions(conn, now, None if all_of_them else who.username)
    return part(found, cursor, limit)


@router.post("/api/subscriptions", status_code=201)
def post_subscription(conn: Conn, who: Who, now: Now, body: SubscriptionIn) -> Created:
    owner = body.owner if "owner" in body.model_fields_set else who.username
    need_may(who, owner, body.sender)
    return subscriptions.add_subscription(conn, body, owner, who.username, now)


@router.post("/api/subscriptions/preview")
def post_preview(conn: Conn, who: Who, now: Now, body: PreviewIn) -> Preview:
    """What a filter would have brought; nothing is kept."""
    owner = body.owner if "owner" in body.model_fields_set else who.username
    if owner == who.username:
        who.require(Permission.SUBSCRIPTION_OWN)
        return subscriptions.preview(conn, body.filter, now, body.days, who.scope)
    who.require(Permission.SUBSCRIPTION_MANAGE)
    # nobody learns by a preview what they may not see
    found = subscriptions.preview(
        conn, body.filter, now, body.days, who.scope if owner is None else scope_of_account(conn, owner)
    )
    return found if who.scope.everywhere else {**found, "examples": []}


@router.get("/api/subscriptions/{subscription}")
def get_subscription(conn: Conn, who: Who, now: Now, subscription: Id) -> Subscription:
    need_own(conn, who, subscription)
    return subscriptions.read_subscription(conn, subscription, now)


@router.patch("/api/subscriptions/{subscription}")
def patch_subscription(conn: Conn, who: Who, now: Now, subscription: Id, body: SubscriptionChange) -> Subscription:
    need_own(conn, who, subscription)
    return subscriptions.change_subscription(conn, subscription, body, who.username, now)


@router.delete("/api/subscriptions/{subscription}", status_code=204)
def delete_subscription(
    conn: Conn,
    who: Who,
    now: Now,
    subscription: Id,
    why: Annotated[str | None, Query(min_length=1, max_length=500)] = None,
    version: Annotated[int | None, Query(ge=1, le=INT4)] = None,
) -> None:
    """409 where a route names it, and where it has changed since `version` was seen."""
    need_own(conn, who, subscription)
    subscriptions.remove_subscription(conn, subscription, who.username, now, why, version)


@router.post("/api/subscriptions/{subscription}/test", status_code=202)
def post_test(conn: Conn, who: Who, now: Now, subscription: Id) -> Tested:
    """A message that says it is a test, to this receiver alone."""
    need_own(conn, who, subscription)
    return {"delivery": subscriptions.queue_test(conn, subscription, now)}


def need_some(who: Viewer) -> None:
    """Who may have subscriptions at all."""
    if not who.may(Permission.SUBSCRIPTION_MANAGE):
        who.require(Permission.SUBSCRIPTION_OWN)


def need_own(conn: Connection, who: Viewer, subscription: str) -> None:
    """One's own, or who manages all; another's is as if it were not there."""
    need_some(who)
    owner = subscriptions.owner_of(conn, subscription)
    if owner != who.username and not who.may(Permission.SUBSCRIPTION_MANAGE):
        raise NotFound(f"there is no subscription {subscription!r}")


def need_may(who: Viewer, owner: str | None, sender: str) -> None:
    if owner != who.username or sender in FOR_MANAGERS:
        who.require(Permission.SUBSCRIPTION_MANAGE)
    else:
        who.require(Permission.SUBSCRIPTION_OWN)
