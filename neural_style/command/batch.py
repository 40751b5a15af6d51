"""Batches: -content_image may be a folder, or a list of pictures in a .txt file."""

import os
import sys

from neural_style.command.arguments import Arguments
from neural_style.command.image_files import has_image_extension
from neural_style.command.report import DryRun
from neural_style.command.run import run
from neural_style.command.signals import Interrupted, Interruption
from neural_style.command.terminal import print_line, warn, write
from neural_style.distributed import World
from neural_style.network.devices import gpu_of_rank, parse_gpus


def is_batch(arguments: Arguments) -> bool:
    """Tell whether -content_image stands for many pictures."""
    path = arguments.content_image
    return os.path.isdir(path) or path.lower().endswith('.txt')


def batch_jobs(arguments: Arguments) -> list[Arguments]:
    """Return the arguments of every run of a batch.

    The output of out.png and a/harbour.jpg is out_harbour.png.  Raises ValueError.
    """
    path = arguments.content_image
    contents = content_paths(path)
    if not contents:
        raise ValueError(f'-content_image {path}: it contains no pictures')
    if arguments.resume != '':
        raise ValueError('-resume: continues a single picture; name it in -content_image')
    jobs: dict[str, Arguments] = {}
    for content in contents:
        stem = os.path.splitext(os.path.basename(content))[0]
        output = with_suffix(arguments.output_image, stem)
        if output in jobs:
            raise ValueError(
                f'-content_image {path}: {content} and {jobs[output].content_image}'
                f' would both become {output}; rename one'
            )
        jobs[output] = arguments.with_values(
            content_image=content,
            output_image=output,
            checkpoint=with_suffix(arguments.checkpoint, stem),
        )
    return list(jobs.values())


def content_paths(path: str) -> list[str]:
    """Return the pictures of a folder by name, or the lines of a list."""
    if os.path.isdir(path):
        try:
            names = sorted(name for name in os.listdir(path) if has_image_extension(name))
        except OSError as error:
            raise ValueError(f'-content_image {path}: {error.strerror}') from error
        return [os.path.join(path, name) for name in names]
    try:
        with open(path, encoding='utf-8-sig') as file:  # as Windows writes it
            return [line.strip() for line in file if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f'-content_image {path}: not a list of pictures: {error}') from error


def with_suffix(path: str, suffix: str) -> str:
    """Put a suffix behind the stem of a path: out.png → out_harbour.png.  '' stays."""
    root, extension = os.path.splitext(path)
    return root and f'{root}_{suffix}{extension}'


def run_batch(jobs: list[Arguments], interruption: Interruption, world: World) -> int:
    """Run jobs one after the other; several processes share them.  Returns the exit status."""
    status = 0
    jobs = jobs[world.rank :: world.size]
    for number, job in enumerate(jobs, start=1):
        if world.size > 1:
            gpus = gpu_of_rank(parse_gpus(job.gpu), world.local_rank)
            job = job.with_values(gpu=','.join(map(str, gpus)))
        if not job.dry_run:
            print_line(f'{job.content_image} -> {job.output_image}')
        interruption.gentle = False
        try:
            run(job, interruption)
        except DryRun as plan:
            write(f'{job.content_image}: {plan}', sys.stdout)
        except Interrupted as interrupted:
            if number < len(jobs):
                remainder = f'{len(jobs) - number} more pictures are left, from'
                interrupted.args = (f'{interrupted}; {remainder} {jobs[number].content_image} on',)
            raise
        except (ValueError, OSError) as error:
            status = 1
            warn(f'{error} ({job.output_image} was not painted)')
    return status
