"""What a backup says of itself."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

FORMAT = 1


class TableFacts(BaseModel):
    """Rows of a table and a sum over them that does not depend on their order."""

    model_config = ConfigDict(frozen=True)

    rows: int
    digest: str


class Manifest(BaseModel):
    """The first member of a backup. `sequences` are where they stood before the dump."""

    format: int = FORMAT
    made_at: datetime
    database: str
    revision: str
    server: str
    tables: dict[str, TableFacts]
    sequences: dict[str, int]
    # pictures in a store of their own (S3) are not in the file
    pictures: str
