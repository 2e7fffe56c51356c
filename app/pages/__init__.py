"""Pages beside the One Map page: one small Dash application with a kit for forms and one for tables.

The house style they follow stands in `docs/contributors.md`, with `/sources` as the example.
"""

from app.pages.site import PAGES, Addresses, build_pages

__all__ = ["PAGES", "Addresses", "build_pages"]
