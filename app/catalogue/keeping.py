"""Who may say what of a resource, and who gives whom access."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from app.catalogue.listing import need_entry, need_resource, reaches
from core.catalogue import entries, requests
from core.catalogue.entries import Entry, EntryIn
from core.catalogue.nouns import EntryObject, Kind, Name, Resource
from core.catalogue.requests import DecisionIn, RequestIn, RequestObject
from core.errors import Conflict, Forbidden
from core.scope import Scope
from core.viewer import Permission, Viewer
from layers.own_changes import share_layer


def keeps(resource: Resource, entry: Entry, viewer: Viewer) -> bool:
    """Whether a person may change what is said of it: what belongs to a department, those of the department."""
    own = viewer.scope.departments
    theirs = own is None or entry["department"] in (None, *own)
    return viewer.may(Permission.CATALOGUE_EDIT) and theirs and reaches(resource, viewer.scope)


def change_entry(conn: Connection, viewer: Viewer, name: Name, given: EntryIn, now: datetime) -> EntryObject:
    """Forbidden for what is another department's, or would be."""
    viewer.require(Permission.CATALOGUE_EDIT)
    resource, entry = need_resource(conn, viewer, name)
    own = viewer.scope.departments
    if not keeps(resource, entry, viewer) or (own is not None and given.department not in own):
        raise Forbidden("department: it is another's", field="department", reason="entry_of_another")
    entries.write_entry(conn, resource, given, viewer, now)
    return need_entry(conn, viewer, name, now)


def ask_access(conn: Connection, viewer: Viewer, name: Name, given: RequestIn, now: datetime) -> RequestObject:
    """For a department of one's own. Conflict where there is nothing to ask for."""
    viewer.require(Permission.CITY_READ)
    resource, entry = need_resource(conn, viewer, name)
    own = viewer.scope.departments
    if own is not None and given.department not in own:
        raise Forbidden("department: not one of yours", field="department", reason="not_your_department")
    if entry["sharing"] != "conditional":
        raise Conflict("sharing: only what is shared on conditions is asked for", reason="nothing_to_ask")
    if resource.departments is not None and given.department in resource.departments:
        raise Conflict("department: it has access already", field="department", reason="nothing_to_ask")
    return requests.ask(conn, name, given, viewer, now)


def decide_access(conn: Connection, viewer: Viewer, request_id: int, given: DecisionIn, now: datetime) -> RequestObject:
    """Who keeps the entry decides. What is granted of a layer that is limited to departments is seen by that one from
    now on; of anything else a person sees to it."""
    viewer.require(Permission.CATALOGUE_EDIT)
    asked = requests.need_request(conn, request_id)
    name = requests.name_of(asked)
    resource, entry = need_resource(conn, viewer, name)
    if not keeps(resource, entry, viewer):
        raise Forbidden("request: its provider decides", field="request", reason="entry_of_another")
    done = requests.decide(conn, request_id, given, viewer, now)
    if given.grant and name.kind is Kind.LAYER and resource.departments is not None:
        share_layer(conn, name.id, asked["department"], viewer, now)
    return done


def may_see_request(scope: Scope, username: str, asked: RequestObject, *, keeper: bool) -> bool:
    """Whoever asked, whose department asked, and who decides."""
    theirs = scope.departments is not None and asked["department"] in scope.departments
    return keeper or theirs or asked["asked_by"] == username
