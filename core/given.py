"""What a person or a program gives us as fields: the base of every model at a door, and its faults in our own words."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from core.errors import InputError
from core.faults import about_field, faults_of
from core.texts import check_texts


class Given(BaseModel):
    """A name we do not know is an error: a misspelt field must not be silently ignored. So is text that cannot be
    stored or seen, but in the fields of `anything`."""

    model_config = ConfigDict(extra="forbid")
    anything: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def clean(cls, values: object) -> object:
        given = {k: v for k, v in values.items() if k not in cls.anything} if isinstance(values, dict) else values
        check_texts(given, "body")
        return values


def as_input_error(exc: ValidationError, within: str = "") -> InputError:
    """The first fault, by its field; `within`: the field that the model is of."""
    first = faults_of(exc.errors())[0]
    place = ".".join(part for part in (within, first.place) if part) or "body"
    return InputError(f"{place}: {first.detail}", field=place, about=about_field(place, first.why))
