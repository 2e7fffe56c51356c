"""What a thing in use is called: one line in each language."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.api.names import NamesIn


@pytest.mark.parametrize("name", ["one\ntwo", "one\rtwo", "one\ttwo", "\n", " ", ""])
def test_name_is_one_line(name: str) -> None:
    """The dialog is a box in which Enter makes a line: the name then stood on two lines wherever it is read."""
    with pytest.raises(ValidationError):
        NamesIn(name_zh=name, name_en="A")
    assert NamesIn(name_zh="临江 六号站", name_en=" River 6 ").name_zh == "临江 六号站"
