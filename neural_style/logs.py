"""The log of the libraries: how much of it there is for a time."""

import contextlib
import logging
from collections.abc import Iterator

LOGGERS = ('loadcaffe', 'neural_style')


@contextlib.contextmanager
def log_level(level: int) -> Iterator[list[logging.Logger]]:
    """Let the libraries log from a level up, for a time; yields their loggers."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(level)
    try:
        yield loggers
    finally:
        for logger, former_level in zip(loggers, levels, strict=True):
            logger.setLevel(former_level)
