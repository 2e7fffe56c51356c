"""The table kit: a described table becomes an AG Grid whose rows the server pages, sorts and filters, and exports as
CSV.

    TABLE = Table("set-aside", "aside", COLUMNS, filters=(Filter("q", "aside.search"),))
    tables.view(TABLE)                       # components
    tables.register(app, door, TABLE, read)  # read(asking, wanted) -> Found

A column's `cell` says what stands in it as values (`cells.words`, `cells.age`, `cells.press` …); what a `press` or
`switch` was used comes back as the grid's `cellRendererData` (`Acts.cells`). A column with a `filter` is narrowed under
its heading.
"""

from app.pages.tables.callbacks import register, register_refresh
from app.pages.tables.cells import Cell
from app.pages.tables.drawing import filter_view, view
from app.pages.tables.finding import choose, select
from app.pages.tables.model import ROW_KEY, TEXT, Column, ColumnFilter, Filter, Found, Row, Table, Wanted

__all__ = [
    "ROW_KEY",
    "TEXT",
    "Cell",
    "Column",
    "ColumnFilter",
    "Filter",
    "Found",
    "Row",
    "Table",
    "Wanted",
    "choose",
    "filter_view",
    "register",
    "register_refresh",
    "select",
    "view",
]
