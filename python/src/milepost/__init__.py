"""Report the progress of long-running work to the people who wait for it, through a Milepost gateway."""

from ._errors import Cancelled, ForeignAnswer, MilepostError, QuestionClosed
from ._problem import Problem, ProblemListener, warn_of_problem
from ._sender import Flag
from .operation import AsyncOperation, Handle, Operation, Step, StepPlan, TextStream, current
from .producer import Producer, Run
from .signing import SigningKey

__all__ = [
    "AsyncOperation",
    "Cancelled",
    "Flag",
    "ForeignAnswer",
    "Handle",
    "MilepostError",
    "Operation",
    "Problem",
    "ProblemListener",
    "Producer",
    "QuestionClosed",
    "Run",
    "SigningKey",
    "Step",
    "StepPlan",
    "TextStream",
    "current",
    "warn_of_problem",
]
