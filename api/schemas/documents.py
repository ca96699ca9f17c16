"""Papers of applicants on the wire."""

import uuid
from datetime import date, datetime
from typing import Self

from pydantic import BaseModel, ConfigDict

from models import Document
from models.document import DocumentKind, DocumentStatus
from services.documents import DocumentFacts


class DocumentBody(DocumentFacts):
    """The fields beside the file."""

    kind: DocumentKind


class DocumentAnswer(BaseModel):
    """A paper of one's own; its file is fetched separately."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    kind: DocumentKind
    number: str | None
    issued_on: date | None
    expires_on: date | None
    file_name: str
    media_type: str
    size_bytes: int
    pages: int
    status: DocumentStatus
    review_comment: str | None
    created_at: datetime

    @classmethod
    def of(cls, document: Document) -> Self:
        """Show a row."""
        return cls.model_validate(document)


# Written by hand, because the parts are read before the transaction begins.
UPLOAD_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["kind", "file"],
                    "properties": {
                        "kind": {
                            "type": "string",
                            "enum": [kind.value for kind in DocumentKind],
                        },
                        "number": {"type": "string", "maxLength": 60},
                        "issued_on": {"type": "string", "format": "date"},
                        "expires_on": {"type": "string", "format": "date"},
                        "file": {"type": "string", "format": "binary"},
                    },
                }
            }
        },
    }
}
