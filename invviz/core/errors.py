"""Errors that reach a person: each says what was given, what is allowed and what to do."""

from __future__ import annotations

import errno

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What a system says of a full disk."""


class InvvizError(Exception):
    """Anything that invviz refuses; its text is meant to be shown as it is."""


class TextError(InvvizError):
    """A scenario or component text that cannot be read: unknown name, unknown knob, not a literal."""


class KnobError(TextError):
    """A knob outside its range or of the wrong kind."""


class ScenarioError(InvvizError):
    """Parts that do not fit together; `problems` lists each reason in words."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("This scenario does not fit together:\n" + "\n".join(f"- {p}" for p in problems))
        self.problems = problems


class DataMissing(InvvizError):
    """A data set is not on this machine; the text says where it was looked for and how to get it."""


class UploadError(InvvizError):
    """A file that a person uploaded or named cannot be used."""


class MissingExtra(InvvizError):
    """An optional package or its weights are absent; the text says how to install them."""


class StoreError(InvvizError):
    """The store cannot be read or written (full disk, locked file, wrong version)."""


class LimitError(InvvizError):
    """More than a job, or a visitor, may take here; says how much that is and what to do."""


class RiskError(InvvizError):
    """A spectrum that cannot be computed: numbers that are not finite, not enough memory; says the way out."""


class Cancelled(InvvizError):
    """The computation was asked to stop before it had an answer."""
