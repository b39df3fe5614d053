"""Schedules: parse what people write, ask for the next fires, show them. The one module the rest imports."""

from common.domain.calendars import Observed
from common.domain.invalid import InvalidSchedule
from common.domain.notes import Note
from common.domain.parsing import parse
from common.domain.preview import Preview, PreviewInstant, preview
from common.domain.trigger import KINDS, Trigger, jittered, upcoming

__all__ = [
    "KINDS",
    "InvalidSchedule",
    "Note",
    "Observed",
    "Preview",
    "PreviewInstant",
    "Trigger",
    "jittered",
    "parse",
    "preview",
    "upcoming",
]
