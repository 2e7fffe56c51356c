"""What the layer tree is drawn from: the API's layers with the choices of this browser.

Fields the page does not show are ignored, optional ones default: the API may grow without breaking the page.
"""

import msgspec


class Words(msgspec.Struct, frozen=True):
    """One text in both languages."""

    zh: str = ""
    en: str = ""

    def as_dict(self) -> dict[str, str]:
        return {"zh": self.zh, "en": self.en}


class LegendEntry(msgspec.Struct, frozen=True):
    """One line of a legend; ``token`` names the CSS variable that the map uses too."""

    key: str
    label: Words
    token: str = ""


class LayerStyle(msgspec.Struct, frozen=True):
    """Of a layer of the city's own; ``icon`` is the pictogram that stands for a point."""

    icon: str | None = None


class Layer(msgspec.Struct, frozen=True):
    """One row of ``GET /api/layers``; ``opacity`` (0-1) is the person's own, kept in the browser."""

    id: str
    group: str
    title: Words
    visible: bool = True
    opacity: float = 1.0
    count: int | None = None
    count_estimated: bool = False
    updated_at: str | None = None
    own: bool = False
    delivery: str = ""
    legend: list[LegendEntry] = []
    style: LayerStyle | None = None


class LayerState(msgspec.Struct, frozen=True):
    """What the layer store holds."""

    status: str = "loading"
    detail: str = ""
    items: list[Layer] = []
    groups: dict[str, Words] = {}
