"""Batches: -content_image may be a folder, or a list of pictures in a .txt file."""

import contextlib
import logging
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from neural_style.command.arguments import Arguments
from neural_style.command.checks import check_output_image
from neural_style.command.claims import ClaimedError
from neural_style.command.finished import FinishedPictures
from neural_style.command.folders import batch_pictures
from neural_style.command.output_names import plain_name, suffixes, with_suffix
from neural_style.command.report import DryRun
from neural_style.command.run import run
from neural_style.command.saving import STDOUT_NAMES, FinalPicture, state_path
from neural_style.command.signals import Interrupted, Interruption
from neural_style.command.terminal import one_line, print_line, warn, write
from neural_style.command.unfinished import continued
from neural_style.distributed import World
from neural_style.logs import log_level
from neural_style.memory.exhaustion import is_out_of_memory
from neural_style.network.devices import gpu_of_rank, parse_gpus

PAINTED, FINISHED, FAILED, CLAIMED = (
    'painted',
    'already there',
    'not painted',
    'left to another run',
)


def is_batch(arguments: Arguments) -> bool:
    """Tell whether -content_image stands for many pictures."""
    path = arguments.content_image
    return os.path.isdir(path) or path.lower().endswith('.txt')


def batch_jobs(arguments: Arguments, world: World) -> list[Arguments]:
    """Return the arguments of every run of a batch; says what is left out.

    The output of out.png and a/harbour.jpg is out_harbour.png.  Raises ValueError.
    """
    path = arguments.content_image
    pictures = batch_pictures(path, arguments.output_image)
    if world.rank == 0 and pictures.remark():
        warn(f'-content_image {path}: {pictures.remark()}')
    if not pictures.paths:
        raise ValueError(f'-content_image {path}: it contains no pictures')
    if arguments.output_image in STDOUT_NAMES:
        raise ValueError(
            f'-output_image {arguments.output_image}: stdout takes a single picture; name a file'
        )
    if arguments.content_regions != '':
        raise ValueError(
            f'-content_regions {arguments.content_regions}: the regions are those of a single'
            ' picture; name it in -content_image'
        )
    check_batch_output(arguments.output_image)
    if arguments.resume != '':
        raise ValueError('-resume: continues a single picture; name it in -content_image')
    every, last = arguments.save_iter, arguments.num_iterations
    names = suffixes(
        pictures.paths, arguments.output_image, lambda t: every > 0 and t < last and t % every == 0
    )
    return [
        arguments.with_values(
            content_image=content,
            output_image=with_suffix(arguments.output_image, name),
            checkpoint=with_suffix(arguments.checkpoint, name),
        )
        for content, name in zip(pictures.paths, names, strict=True)
    ]


def check_batch_output(output_image: str) -> None:
    """Refuse at the start a name by which none of the pictures could be saved."""
    if output_image.endswith(('/', os.sep)) and not os.path.isdir(output_image):
        raise ValueError(f'-output_image {output_image}: there is no such folder; make it')
    sample = with_suffix(output_image, 'x')
    try:
        check_output_image(sample)
    except ValueError as error:
        raise ValueError(str(error).replace(sample, output_image)) from None


def run_batch(
    batch: Arguments, jobs: Sequence[Arguments], interruption: Interruption, world: World
) -> int:
    """Run jobs one after the other; several processes share them.  Returns the exit status.

    batch: the arguments of all.
    """
    jobs = jobs[world.rank :: world.size]
    finished = FinishedPictures()
    outcomes: list[str] = []
    try:
        for number, job in enumerate(jobs, start=1):
            if world.size > 1:
                gpus = gpu_of_rank(parse_gpus(job.gpu), world.local_rank)
                job = job.with_values(gpu=','.join(map(str, gpus)))
            if world.rank:  # the first process saves the style, which is the same for all
                job = job.with_values(save_style='')
            if world.rank or PAINTED in outcomes:  # remarks on the flags are made once
                job = replace(job, typed=frozenset())
            elif world.size > 1:  # each picture has one device
                job = replace(job, typed=job.typed - {'parallel'})
            try:
                outcomes.append(run_job(batch, job, finished, interruption))
            except Interrupted as interrupted:
                if number < len(jobs):
                    remainder = f'{len(jobs) - number} more pictures are left, from'
                    interrupted.args = (
                        f'{interrupted}; {remainder} {jobs[number].content_image} on',
                    )
                raise
        if FINISHED in outcomes and PAINTED not in outcomes:
            save_style_alone(jobs[outcomes.index(FINISHED)], world, interruption)
    finally:
        if not batch.dry_run:
            print_line(summary(outcomes, len(jobs), world))
    return int(FAILED in outcomes)


def run_job(
    batch: Arguments, job: Arguments, finished: FinishedPictures, interruption: Interruption
) -> str:
    """Paint a picture of a batch, unless it is there already; returns what became of it."""
    interruption.gentle = False
    try:
        if job.dry_run:
            run(job, interruption)
        names = [job.output_image, plain_name(job.content_image, batch.output_image)]
        if path := finished.path(job, names):
            print_line(
                one_line(
                    f'{job.content_image} -> {path}: already there, painted with these settings'
                )
            )
            return FINISHED
        picture = run_or_continue(job, interruption)
        if picture is not None and picture.replaced:
            warn(picture.remark())
    except DryRun as plan:
        write(f'{job.content_image}: {plan}', sys.stdout)
    except ClaimedError as error:
        warn(f'{error} ({job.content_image} is left to it)')
        return CLAIMED
    except (ValueError, OSError) as error:
        warn(one_line(f'{error} ({job.output_image} was not painted)'))
        return FAILED
    except (MemoryError, RuntimeError, SystemError) as error:
        if not is_out_of_memory(error):
            raise
        warn(f'{job.content_image}: out of memory ({job.output_image} was not painted)')
        return FAILED
    return PAINTED


def run_or_continue(job: Arguments, interruption: Interruption) -> FinalPicture | None:
    """Paint a picture, from the state of an interrupted run if there is one."""
    unfinished = continued(job)
    if unfinished is None:
        print_line(one_line(f'{job.content_image} -> {job.output_image}'))
        return run(job, interruption)
    state = state_path(job)
    print_line(one_line(f'{job.content_image} -> {job.output_image}: continued from {state}'))
    picture = run(unfinished, interruption)
    if job.checkpoint == '':  # nobody asked for it
        with contextlib.suppress(OSError):
            os.remove(state)
    return picture


def save_style_alone(job: Arguments, world: World, interruption: Interruption) -> None:
    """Save the style of a batch in which nothing was left to paint, if it is to be saved."""
    if job.save_style == '' or world.rank:
        return
    job = job.with_values(num_iterations=0, checkpoint='')
    with log_level(logging.ERROR):
        run(replace(job, page=None, typed=frozenset()), interruption)
    print_line(one_line(f'{job.style_image} -> {job.save_style}'))


def summary(outcomes: Sequence[str], number: int, world: World) -> str:
    """Say how many of a number of pictures were painted, and what became of the others."""
    counts = Counter(outcomes)
    parts = [f'{counts[outcome]} {outcome}' for outcome in (PAINTED, FINISHED, FAILED)]
    if counts[CLAIMED]:
        parts.append(f'{counts[CLAIMED]} {CLAIMED}')
    if len(outcomes) < number:
        parts.append(f'{number - len(outcomes)} not finished')
    share = f' (process {world.rank + 1} of {world.size})' if world.size > 1 else ''
    return f'{number} picture{"s" * (number != 1)}{share}: {", ".join(parts)}'
