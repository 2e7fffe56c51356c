"""/api/analysis: what can be analysed; the groups of a question, their chart and map as figures, all three as files."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, BackgroundTasks, Depends, Path, Query, Response
from sqlalchemy import Connection
from starlette.responses import FileResponse

from app.analysis.asking import analyse, describe_subjects, understand
from app.analysis.drawing import draw_chart, draw_map, look, on_paper
from app.analysis.figures import Figure, Lang
from app.analysis.files import MAPS, told_of
from app.api.exports import folder_of
from app.api.shapes import Limit, Name, parse_bbox, part
from app.deps import Conn, Now, PartsDep, Who
from app.files.line import write_analysis
from app.problems import Responses
from core.analysis import AnalysisObject, Asked, SubjectObject
from core.analysis.asked import COUNT
from core.catalogue.nouns import Kind
from core.errors import InputError, NotFound
from core.nouns import Page
from core.viewer import Permission
from layers.formats import MEDIA

router = APIRouter(prefix="/api/analysis", tags=["analysis"])
SubjectId = Annotated[str, Path(min_length=1, max_length=200)]
Word = Annotated[str | None, Query(min_length=1, max_length=300)]
Format = Literal["csv", "xlsx", "geojson", "gpkg", "html"]
KINDS = {**MEDIA, "html": "text/html; charset=utf-8"}
FILE: Responses = {
    200: {
        "description": "the file",
        "content": {KINDS[one].partition(";")[0]: {} for one in ("csv", "xlsx", "geojson", "gpkg", "html")},
    }
}


def parse_asked(
    by: Word = None,
    then: Word = None,
    measure: Annotated[str, Query(min_length=1, max_length=300)] = COUNT,
    time: Word = None,
    since: Annotated[str | None, Query(alias="from", max_length=40)] = None,
    until: Annotated[str | None, Query(alias="to", max_length=40)] = None,
    bbox: Annotated[str | None, Query(max_length=200)] = None,
    district: Name = None,
    column: Word = None,
    value: Annotated[str | None, Query(max_length=300)] = None,
) -> Asked:
    """`by`, `then`: a place (district, h3:7 to h3:10, layer:ID of a layer of areas), a step of time (hour, weekday,
    day, week, month, year) or a column. `measure`: count, sum:COLUMN, mean:COLUMN. `from`, `to`: days of the city, both
    in, or moments, the second out. `column` and `value` narrow to one value."""
    return Asked(by, then, measure, time, since, until, parse_bbox(bbox), district, column, value)


AskedDep = Annotated[Asked, Depends(parse_asked)]


@router.get("")
def list_subjects(conn: Conn, who: Who, cursor: Name = None, limit: Limit = 1000) -> Page[SubjectObject]:
    """What can be analysed, by what it is grouped, what is measured: ours, then the city's own layers."""
    who.require(Permission.CITY_READ)
    return part(describe_subjects(conn, who.scope), cursor, limit)


@router.get("/{subject}")
def get_analysis(
    conn: Conn, who: Who, now: Now, parts: PartsDep, subject: SubjectId, asked: AskedDep
) -> AnalysisObject:
    """What one sees of the subject, in groups, 5,000 at most: the largest. Each thing is in one group or is said to be
    left out."""
    who.require(Permission.CITY_READ)
    found, _ = analyse(conn, who.scope, subject, asked, now)
    parts.uses.add(Kind.LAYER, subject, "api", who.username)
    return found


@router.get("/{subject}/figure")
def get_figure(
    conn: Conn,
    who: Who,
    now: Now,
    subject: SubjectId,
    asked: AskedDep,
    of: Literal["chart", "map"] = "chart",
    lang: Lang = "zh",
) -> Figure:
    """The chart, or the map by the place that is asked for (else by districts), as Plotly draws it (`Plotly.newPlot`).
    404 where there is nothing to draw."""
    who.require(Permission.CITY_READ)
    looked = look(conn, who.scope, subject, asked, now)
    drawn = draw_chart(looked) if of == "chart" else draw_map(conn, who.scope, looked, scale=True)
    if drawn is None:
        raise NotFound(f"{of}: there is nothing to draw", field="of", reason="nothing_asked")
    figure: Figure = on_paper(drawn.figure, lang)
    return figure


@router.get("/{subject}/export", response_class=Response, responses=FILE)
async def get_analysis_file(
    who: Who,
    parts: PartsDep,
    tasks: BackgroundTasks,
    subject: SubjectId,
    asked: AskedDep,
    format: Format = "csv",
    lang: Lang = "zh",
) -> Response:
    """The table (csv, xlsx), its areas (geojson, gpkg; `by` or `then` must be a place), chart and map as a page that
    needs no network (html). Written by a process of its own."""
    who.require(Permission.CITY_READ)

    def check(conn: Connection) -> None:
        """What cannot be asked is said before a process is begun."""
        _, question, _ = understand(conn, who.scope, subject, asked)
        if format in MAPS and not any(one.place for one in question.by):
            raise InputError("by: a map needs a place to group by", field="by", reason="no_place_asked")

    await parts.work(check)
    async with folder_of(tasks) as folder:
        path = folder / f"{subject}.{format}"
        async with parts.exporting:
            await write_analysis(parts.settings, told_of(subject, asked, lang), path, who.scope)
    parts.uses.add(Kind.LAYER, subject, "file", who.username)
    return FileResponse(path, media_type=KINDS[format], filename=f"onemap-{path.name}", background=tasks)
