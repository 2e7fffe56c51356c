"""Subscriptions: who is told of what, by which sender, in which language, and when not."""

from alerts.subscriptions.given import Created, Preview, PreviewIn, Subscription, SubscriptionChange, SubscriptionIn
from alerts.subscriptions.kept import (
    add_subscription,
    change_subscription,
    kind_of,
    list_subscriptions,
    owner_of,
    read_subscription,
    remove_subscription,
)
from alerts.subscriptions.tried import preview, queue_test

__all__ = [
    "Created",
    "Preview",
    "PreviewIn",
    "Subscription",
    "SubscriptionChange",
    "SubscriptionIn",
    "add_subscription",
    "change_subscription",
    "kind_of",
    "list_subscriptions",
    "owner_of",
    "preview",
    "queue_test",
    "read_subscription",
    "remove_subscription",
]
