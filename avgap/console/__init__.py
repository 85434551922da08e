"""The one place that prints: results on stdout; notices, errors and progress on stderr."""

from avgap.console.bars import Bar, Epochs, progress, training
from avgap.console.say import (
    artifact,
    command,
    error,
    never_fail_on_a_letter,
    notice,
    one_line,
    result,
    safe,
    setup,
    silence_another,
    suggest,
    table,
    up_to_date,
    warn,
    wrote,
)
from avgap.console.streams import never_fail_on_a_reader

__all__ = [
    "Bar",
    "Epochs",
    "artifact",
    "command",
    "error",
    "never_fail_on_a_letter",
    "never_fail_on_a_reader",
    "notice",
    "one_line",
    "progress",
    "result",
    "safe",
    "setup",
    "silence_another",
    "suggest",
    "table",
    "training",
    "up_to_date",
    "warn",
    "wrote",
]
