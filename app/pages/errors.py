"""What a page says of a callback that failed."""

from __future__ import annotations

from dash import set_props
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.pages import ids
from app.pages.parts import error_words, toast
from app.problems import database_error
from core.errors import OneMapError
from core.log import get_log

log = get_log("pages")


def tell_error(exc: Exception) -> None:
    """Any callback that fails says so on the page and changes nothing else; what nobody foresaw is logged as well."""
    set_props(ids.Id.TOASTS.value, {"children": toast("failed", error_words(known_error(exc)))})


def known_error(exc: Exception) -> OneMapError:
    if isinstance(exc, OneMapError):
        return exc
    if isinstance(exc, DBAPIError | PoolTimeout):
        return database_error(exc)
    log.error("unforeseen", exc_info=exc)
    return OneMapError("something went wrong here; the log has the reason", reason="internal")
