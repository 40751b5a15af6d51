"""Pictures of a batch that an earlier run has finished, by their recipes."""

import functools
import os
from collections.abc import Sequence

from neural_style.command import recipe as recipes
from neural_style.command.arguments import Arguments
from neural_style.command.input_files import input_files
from neural_style.command.video_flags import VIDEO_FLAGS
from neural_style.files.checksum import sha256
from neural_style.files.pillow import check_pixels


class FinishedPictures:
    """Tell which pictures are there already; each file is read once for its checksum."""

    def __init__(self) -> None:
        self._sha256 = functools.cache(sha256)

    def path(self, job: Arguments, candidates: Sequence[str]) -> str | None:
        """Return the first of the candidates that a job has made to its end; None for none.

        Settings, inputs and the number of iterations are the same; a seed that was drawn counts as
        any.
        """
        return next((path for path in candidates if self._is_result(path, job)), None)

    def _is_result(self, path: str, job: Arguments) -> bool:
        if not os.path.isfile(path):
            return False
        try:
            recipe = recipes.read(path)
            if recipe.iteration != job.num_iterations:
                return False
            recorded_flags = recipes.effective(recipe.flags, without=VIDEO_FLAGS)
            if recorded_flags != recipes.effective(job.values, without=VIDEO_FLAGS):
                return False
            if job.generator_seed is not None and job.generator_seed != recipe.seed:
                return False
            recorded = [(file.flag, file.name, file.sha256) for file in recipe.inputs]
            files = [(flag, file) for flag, file in input_files(job) if os.path.isfile(file)]
            if [file[:2] for file in recorded] != [(f, os.path.basename(p)) for f, p in files]:
                return False
            if [file[2] for file in recorded] != [self._sha256(file) for _, file in files]:
                return False
            check_pixels(path)
            return True
        except (OSError, ValueError):
            return False
