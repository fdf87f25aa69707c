"""Report the progress of long-running work to the people who wait for it, through a Milepost gateway."""

from ._errors import Cancelled, ForeignAnswer, MilepostError, QuestionClosed
from ._inputs import Input
from ._problem import Problem, ProblemListener, warn_of_problem
from ._sender import Flag
from .log import LogHandler
from .operation import AsyncOperation, Handle, Operation, Step, StepPlan, TextStream, current
from .producer import Producer, Run
from .signing import SigningKey
from .worker import Ticket, Worker

__all__ = [
    "AsyncOperation",
    "Cancelled",
    "Flag",
    "ForeignAnswer",
    "Handle",
    "Input",
    "LogHandler",
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
    "Ticket",
    "Worker",
    "current",
    "warn_of_problem",
]
