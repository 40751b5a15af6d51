"""Runs that are stopped, and go on from the checkpoint."""

import pytest

from neural_style.transfer.session import Session


def resumed(paint, **settings):
    """Paint in two runs: the first is stopped before the third evaluation, the second goes on."""
    checkpoints = []

    def keep(checkpoint):
        if checkpoint.iteration == 2:
            raise KeyboardInterrupt(checkpoints.append(checkpoint))

    with pytest.raises(KeyboardInterrupt):
        paint(**settings, session=Session(on_evaluation_start=keep))
    return paint(**settings, session=Session(resume_from=checkpoints[0]))
