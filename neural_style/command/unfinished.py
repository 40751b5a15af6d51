"""Pictures of a batch that an interrupted run has left unfinished: its states are continued."""

import os
from dataclasses import replace

from neural_style.command.arguments import Arguments
from neural_style.command.checkpoint import check_inputs, is_checkpoint, resume
from neural_style.command.input_files import InputChecksums
from neural_style.command.saving import state_path


def continued(job: Arguments) -> Arguments | None:
    """Return the arguments that continue a job from its state; None if there is none of its own.

    The state must be of the same settings and files.
    """
    path = state_path(job)
    names = frozenset(job.values) - {'resume'}  # so that none is taken from the state
    # whoever typed the flags did not ask for the state
    candidate = replace(job.with_values(resume=path), explicit=names, typed=frozenset())
    try:
        if not os.path.isfile(path) or not is_checkpoint(path):
            return None
        arguments, recorded_checksums, checkpoint = resume(candidate)
        check_inputs(arguments, InputChecksums(arguments).by_flag(), recorded_checksums)
    except (OSError, ValueError):
        return None
    return candidate if checkpoint.iteration < job.num_iterations else None
