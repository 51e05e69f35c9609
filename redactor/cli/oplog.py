"""The operator's log: what the process does, on stderr; lines for a person at a terminal, JSON otherwise.

Knows structlog. Must never be given a statement's text, a parameter or a row: callers pass names, numbers and codes.
Invariant: one event, one line.
"""

from __future__ import annotations

import logging
import sys

import structlog


def configure(level: int = logging.INFO) -> None:
    """Set the process's operator log up; call once, before the first event."""
    terminal = sys.stderr.isatty()
    renderer: structlog.typing.Processor
    renderer = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


def logger() -> structlog.typing.FilteringBoundLogger:
    """The logger that events go to: `logger().info("listening", port=6432)`."""
    found: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return found
