"""Jobs: what is kept in their folders, and what is said of them."""

import pytest

from neural_style.files.locks import locked
from neural_style.web import job as jobs
from neural_style.web.job import LIVE, create, find, start, without_folders

FLAGS = ['-content_image', 'a.jpg', '-print_iter', '0', '-seed', '3', '-save_iter', '0']


@pytest.fixture
def job(tmp_path):
    job = create(tmp_path)
    start(job, FLAGS, 'a title')
    return job


def test_job_is_found_by_its_name(job, tmp_path):
    assert find(tmp_path, job.id) == job
    assert list(jobs.jobs(tmp_path)) == [job]


@pytest.mark.parametrize('name', ['', '.', '..', '../x', '/etc', 'a' * 300, None, 3])
def test_other_names_find_nothing(job, tmp_path, name):
    assert find(tmp_path, name) is None


def test_command_line_is_without_flags_of_the_page(job):
    assert job.command() == 'neural_style -content_image a.jpg -seed 3'


def test_painter_is_known_by_its_lock(job):
    assert not job.is_painted()
    with locked(str(job.folder)):
        assert job.is_painted()
    assert not job.is_painted()


@pytest.mark.parametrize(('has_picture', 'expected'), [(True, 'paused'), (False, 'failed')])
def test_killed_job_goes_on_from_its_picture(job, has_picture, expected):
    job.update(state='painting')
    if has_picture:
        job.file(LIVE).write_bytes(b'')
    job.settle()
    assert job.state == expected


def test_error_is_the_last_message_without_folders(job):
    job.file('log.txt').write_text(
        'neural_style: one\nneural_style: /home/me/x.jpg: damaged\nend\n'
    )
    assert job.error() == 'x.jpg: damaged'


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('there is no /a/models/x.caffemodel', 'there is no x.caffemodel'),
        ('/usr/lib/a b/c.png: no', 'a b/c.png: no'),
        (r'C:\Users\me\x.png: no', 'x.png: no'),
        ('give 3/4 of it', 'give 3/4 of it'),
        ('-content_image a.jpg: damaged', '-content_image a.jpg: damaged'),
    ],
)
def test_folders_are_left_out(text, expected):
    assert without_folders(text) == expected
