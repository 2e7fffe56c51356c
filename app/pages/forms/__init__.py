"""The form kit: from a pydantic schema to a form, and from what was typed back into the model.

    FORM = form_of(SourceIn, "source", "sources.field", SECTIONS, interval_s={"unit": "unit.word.s"})
    draw(FORM, values)                    # components: labels, help, units, defaults, required marks
    read(FORM, typed)                     # values as the model takes them
    register(app, door, handler)          # save, try, conflict, add and remove lines

Labels are `{words}.{field}` of the catalogue, help is `{words}.{field}.help` where there is one. What is wrong stands
at its field. Where somebody else has changed the thing meanwhile the form says what, and one's own entries are kept or
given up, never lost.
"""

from app.pages.forms.callbacks import register
from app.pages.forms.drawing import draw, draw_choice, draw_group, marked, said_in_both, save_button, try_box
from app.pages.forms.handler import Answer, Handler
from app.pages.forms.model import Form, Kind, Lines, Section, Values
from app.pages.forms.schema import fields_of, form_of
from app.pages.forms.typed import read
from app.pages.forms.wrong import check

__all__ = [
    "Answer",
    "Form",
    "Handler",
    "Kind",
    "Lines",
    "Section",
    "Values",
    "check",
    "draw",
    "draw_choice",
    "draw_group",
    "fields_of",
    "form_of",
    "marked",
    "read",
    "register",
    "said_in_both",
    "save_button",
    "try_box",
]
