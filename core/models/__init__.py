"""All tables. One module per part of the way: the city, what was received, what was judged, what was done."""

from core.models.acted import Account, Assignment, Audit, Coverage, Incident, IncidentEvent, Session, Unit
from core.models.base import Base
from core.models.city import Area, Asset, Building, Camera, City, District, Facility, Sensor, Source, Street
from core.models.judged import Alarm, AlarmEvent, CapAlert, Outbox, RiskCell, Rule, RuleState
from core.models.received import (
    CameraState,
    DeadLetter,
    IncidentReport,
    IngestBatch,
    Observation,
    ObservationHourly,
    ProcessState,
    RollupDue,
    SensorState,
    SetAside,
    Snapshot,
    SourceState,
    SparkplugBirth,
    Subscription,
    TaskReplyRow,
    Trimmed,
    UnitPosition,
    UnitReport,
    UnitState,
    VideoEvent,
    Warning,
)

__all__ = [
    "Account", "Alarm", "AlarmEvent", "Area", "Asset", "Assignment", "Audit", "Base", "Building", "Camera",
    "CameraState", "CapAlert", "City", "Coverage", "DeadLetter", "District", "Facility", "Incident", "IncidentEvent",
    "IncidentReport", "IngestBatch", "Observation", "ObservationHourly", "Outbox", "ProcessState", "RiskCell",
    "RollupDue", "Rule", "RuleState", "Sensor", "SensorState", "Session", "SetAside", "Snapshot", "Source", "SourceState",
    "SparkplugBirth", "Street", "Subscription", "TaskReplyRow", "Trimmed", "Unit", "UnitPosition", "UnitReport",
    "UnitState", "VideoEvent", "Warning",
]  # fmt: skip
