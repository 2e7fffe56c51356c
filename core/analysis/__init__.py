"""The multi-dimensional look (多维分析): things grouped by place, by time and by what they are, counted and summed.

Each part offers `Subject`s (what can be analysed); `read_question` makes a `Question` of what is asked, `answer`
compiles it to one statement and gives the groups.
"""

from core.analysis.answering import answer
from core.analysis.asked import Asked, Question, read_question
from core.analysis.nouns import (
    AnalysisObject,
    Area,
    Dimension,
    Grouping,
    GroupObject,
    Measure,
    Place,
    Placed,
    Subject,
    SubjectObject,
    Time,
)

__all__ = [
    "AnalysisObject",
    "Area",
    "Asked",
    "Dimension",
    "GroupObject",
    "Grouping",
    "Measure",
    "Place",
    "Placed",
    "Question",
    "Subject",
    "SubjectObject",
    "Time",
    "answer",
    "read_question",
]
