"""Rule kinds are code, rules are data (table `rule`, seeded from core/data/rules.json)."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from alerts.rules.aggregate import AGGREGATE
from alerts.rules.base import RuleKind, RuleParams
from alerts.rules.change import CHANGE
from alerts.rules.cluster import CLUSTER
from alerts.rules.combination import COMBINATION
from alerts.rules.geofence import GEOFENCE
from alerts.rules.implausible import IMPLAUSIBLE
from alerts.rules.near import NEAR
from alerts.rules.outside import OUTSIDE_WARNING
from alerts.rules.stale import STALE
from alerts.rules.surprise import ANOMALY
from alerts.rules.threshold import THRESHOLD
from alerts.rules.video import VIDEO_EVENT
from core.errors import InputError
from core.faults import expects, listed
from core.given import as_input_error
from core.registry import Registry

OURS = (
    THRESHOLD,
    AGGREGATE,
    CHANGE,
    STALE,
    IMPLAUSIBLE,
    ANOMALY,
    COMBINATION,
    GEOFENCE,
    NEAR,
    CLUSTER,
    VIDEO_EVENT,
    OUTSIDE_WARNING,
)
KINDS: Registry[RuleKind] = Registry("onemap.rule_kinds", OURS, key=lambda kind: kind.key)


def check_params(kind: str, params: Mapping[str, object]) -> RuleParams:
    """The parameters as the kind's model. Raises InputError that names the field."""
    if kind not in KINDS:
        raise InputError(
            f"kind: expected one of {', '.join(k.key for k in KINDS)}; got {kind!r}",
            field="kind",
            about=expects("kind", "one_of", expected=listed([k.key for k in KINDS])),
        )
    try:
        return KINDS[kind].params.model_validate(params)
    except ValidationError as exc:
        raise as_input_error(exc, "params") from exc
