"""Logs: one JSON object a line, with the request's id and without personal data.

Two nets. Fields are an allow-list, so a new field is dropped until somebody has
thought about it; and every text is scrubbed of what looks like a phone number, an
e-mail address, a token, or the row that PostgreSQL quotes in an error.
"""

import logging
import logging.config
import re
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from services.request_id import current_request_id

ALLOWED = frozenset(
    {
        "event", "level", "logger", "timestamp", "request_id", "exception",
        "method", "route", "status", "duration_ms", "code", "action", "reference",
        "booking_id", "doctor_id", "user_id", "job_id", "task", "attempts",
        "count", "seconds", "profile", "port", "revision", "name", "topic",
    }
)  # fmt: skip

PATTERNS = (
    (re.compile(r"DETAIL:.*?(?=\n[A-Z]+:|\n\n|\Z)", re.DOTALL), "DETAIL: [cut]"),
    (re.compile(r"\[parameters:.*?\]\s*(?=\n|\Z)", re.DOTALL), "[parameters cut]"),
    (
        re.compile(r"input_value=.*?(?=, input_type=|\n|\Z)", re.DOTALL),
        "input_value=[cut]",
    ),
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), "[e-mail]"),
    (re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*"), "[token]"),
    (re.compile(r"(?i)\b(bearer|password|token|secret)([=: ]+)\S+"), r"\1\2[cut]"),
    (re.compile(r"://[^/\s:@]+:[^@\s]+@"), "://[cut]@"),
    (re.compile(r"(?i)\bbot\d+(:|%3A)[\w-]+"), "bot[token]"),
    (re.compile(r"(?<![\w-])\+?\d[\d\s()-]{8,16}\d(?![\w-])"), "[number]"),
)


def scrub(text: str) -> str:
    """Take out what may belong to a person."""
    for pattern, instead in PATTERNS:
        text = pattern.sub(instead, text)
    return text


def redact(_: WrappedLogger, __: str, fields: EventDict) -> EventDict:
    """Keep the allowed fields only, each scrubbed."""
    kept = {key: value for key, value in fields.items() if key in ALLOWED}
    return {
        key: scrub(value) if isinstance(value, str) and key != "timestamp" else value
        for key, value in kept.items()
    }


def add_request_id(_: WrappedLogger, __: str, fields: EventDict) -> EventDict:
    """Tie the line to the request that caused it."""
    if (request_id := current_request_id()) is not None:
        fields["request_id"] = request_id
    return fields


def _before_rendering() -> list[Any]:
    return [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_request_id,
        structlog.processors.format_exc_info,
        structlog.processors.UnicodeDecoder(),
    ]


def configure_logs(level: str = "INFO") -> None:
    """Send our own and every library's lines through the same processors."""
    shared = _before_rendering()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            redact,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    _quieten()


def _quieten() -> None:
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"
    # Both print arguments and statements at INFO, which may name people.
    for name in ("procrastinate", "sqlalchemy.engine", "httpx", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
