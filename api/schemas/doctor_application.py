"""An application to work as a doctor, as the applicant sees it."""

import uuid
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel

from api.schemas.documents import DocumentAnswer
from models.doctor_application import ApplicationStatus
from services.application_reads import View


class StepAnswer(BaseModel):
    """One step of the history; who in the house acted stays there."""

    event: str
    from_status: ApplicationStatus | None
    to_status: ApplicationStatus
    comment: str | None
    at: datetime


class ApplicationAnswer(BaseModel):
    """Where the application stands and what it still lacks."""

    id: uuid.UUID
    status: ApplicationStatus
    version: int
    facts: dict[str, Any]
    reason: str | None
    missing: list[str]
    documents: list[DocumentAnswer]
    history: list[StepAnswer]
    created_at: datetime
    submitted_at: datetime | None
    decided_at: datetime | None

    @classmethod
    def of(cls, view: View) -> Self:
        application = view.application
        return cls(
            **application.model_dump(include=set(cls.model_fields)),
            missing=[
                *view.missing_facts,
                *(f"documents.{each.value}" for each in view.missing_papers),
            ],
            documents=[DocumentAnswer.of(each) for each in view.papers],
            history=[
                StepAnswer(
                    event=event.event,
                    from_status=event.from_status,
                    to_status=event.to_status,
                    comment=event.comment,
                    at=event.created_at,
                )
                for event, _ in view.history
            ],
        )
