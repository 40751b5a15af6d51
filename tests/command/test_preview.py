"""The page of -preview: what it shows, what its buttons do, and who may ask."""

import contextlib
import http.client
import io
import json
import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from documented import free_port
from PIL import Image
from written import files, pixels, recipe_of

from neural_style.command import preview, preview_server
from neural_style.command.preview import Preview
from neural_style.command.preview_server import ADDRESS, MAX_CONNECTIONS, address_remark
from neural_style.transfer import objective

PRESS = {'X-Neural-Style': 'page'}


@pytest.fixture
def port():
    return free_port()


@pytest.fixture(autouse=True)
def short_farewell(monkeypatch):
    """Do not wait for a page to fetch the end of a run: no viewer here asks for it."""
    monkeypatch.setattr(preview_server, 'FAREWELL', 0.0)


@pytest.fixture
def looked_at(small_command, port, monkeypatch):
    """Run the command with a page; before the evaluations of these numbers, call a viewer.

    Returns the exit status.
    """

    def run(viewers, *flags):
        number = 0

        def evaluate(*args):
            nonlocal number
            number += 1
            if number in viewers:
                viewers[number]()
            return real(*args)

        real = objective.evaluate
        monkeypatch.setattr(objective, 'evaluate', evaluate)
        return small_command('-preview', port, *flags)

    return run


def request(port, path, method='GET', **headers):
    """Return status, type and content of an answer of the page."""
    connection = http.client.HTTPConnection(ADDRESS, port, timeout=20)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader('Content-Type'), answer.read()
    finally:
        connection.close()


def state(port, since=0):
    status, kind, content = request(port, f'/state?since={since}')
    assert (status, kind) == (200, 'application/json')
    return json.loads(content)


def test_page_shows_losses_and_the_picture_of_the_last_evaluation(looked_at, port, monkeypatch):
    monkeypatch.setattr(preview, 'SHORTEST_INTERVAL', 5.0)  # however slow the machine is
    seen = {}

    def first():
        seen['first'] = state(port)
        seen['early picture'] = request(port, '/picture')[0]

    def second():
        seen['second'] = state(port, since=1)
        seen['picture'] = request(port, '/picture')
        seen['content'] = request(port, '/content')

    assert looked_at({2: first, 4: second}, '-num_iterations', 6, '-save_iter', 0) == 0
    assert seen['early picture'] == 404  # nobody had looked before
    assert seen['first']['evaluation'] == 1 and seen['first']['evaluations'] == 6
    assert seen['second']['evaluation'] == 3 and len(seen['second']['losses']) == 2
    for content, style, total in seen['second']['losses']:
        assert content + style == pytest.approx(total, rel=1e-6)
    assert seen['second']['picture'] == 2 and seen['second']['size'] == [32, 24]
    for status, kind, content in (seen['picture'], seen['content']):
        assert (status, kind) == (200, 'image/jpeg')
        with Image.open(io.BytesIO(content)) as image:
            assert image.size == (32, 24)


def test_picture_on_the_page_is_that_of_the_run(looked_at, port):
    seen = []

    def look():
        state(port)
        seen.append(request(port, '/picture')[2])

    # The picture of evaluation 3 is taken, since somebody looked; that of 3 is saved as well.
    assert looked_at({3: lambda: state(port), 4: look}, '-num_iterations', 5, '-save_iter', 3) == 0
    with Image.open(io.BytesIO(seen[0])) as shown, Image.open('out_3.png') as saved:
        difference = abs(pixels('out_3.png').astype(int) - shown.convert('RGB'))
        assert shown.size == saved.size and difference.mean() < 8  # of a JPEG


SCRIPTS = dict.fromkeys(('/preview.js', '/losses.js'), 'javascript')
FILES = {'/': 'html', '/preview.css': 'css', **SCRIPTS}


def test_page_and_its_files_are_served_without_any_other_site(looked_at, port):
    answers = {}

    def look():
        for path in (*FILES, '/../setup.cfg', '/nothing'):
            answers[path] = request(port, path)

    assert looked_at({1: look}) == 0
    kinds = {path: (status, kind) for path, (status, kind, _) in answers.items()}
    assert kinds['/../setup.cfg'][0] == kinds['/nothing'][0] == 404
    for path, file_type in FILES.items():
        assert kinds[path] == (200, f'text/{file_type}; charset=utf-8')
        assert b'//' not in answers[path][2].replace(b'// ', b'')  # no address


def test_save_button_saves_the_picture_of_the_iteration(looked_at, port):
    answers = []
    press = lambda: answers.append(request(port, '/save', 'POST', **PRESS)[0])  # noqa: E731
    assert looked_at({2: press}, '-num_iterations', 4, '-save_iter', 0) == 0
    assert answers == [200]
    assert files() == ['out.png', 'out_2.png']


def test_stop_button_keeps_picture_and_state(looked_at, port, capsys):
    press = lambda: request(port, '/stop', 'POST', **PRESS)  # noqa: E731
    status = looked_at({3: press}, '-num_iterations', 50, '-save_iter', 0)
    assert status == 128 + signal.SIGINT
    assert files() == ['out.checkpoint', 'out.png']
    assert 'interrupted after iteration 3' in capsys.readouterr().err


@pytest.mark.parametrize('path', ['/save', '/stop'])
def test_other_sites_press_no_button(looked_at, port, path):
    answers = []

    def press():
        answers.append(request(port, path, 'POST')[0])
        answers.append(request(port, path, 'POST', Host='example.org', **PRESS)[0])
        answers.append(request(port, path, 'GET', **PRESS)[0])

    assert looked_at({2: press}, '-num_iterations', 4, '-save_iter', 0) == 0
    assert answers == [403, 403, 404]
    assert files() == ['out.png']


@pytest.mark.parametrize(
    ('host', 'expected'),
    [
        ('localhost:9999', 200),  # the other end of a tunnel
        ('[::1]:80', 200),
        ('127.0.0.1', 200),
        ('example.org', 403),
        ('localhost.example.org', 403),
        ('', 403),
    ],
)
def test_page_answers_under_names_of_this_machine_alone(looked_at, port, host, expected):
    answers = []
    assert looked_at({1: lambda: answers.append(request(port, '/state', Host=host)[0])}) == 0
    assert answers == [expected]


def test_page_listens_on_this_machine_alone(looked_at, port):
    addresses = []

    def look():
        with open('/proc/net/tcp') as table:
            addresses.extend(line.split()[1] for line in table if f':{port:04X} ' in line)

    if not os.path.exists('/proc/net/tcp'):
        pytest.skip('needs /proc/net/tcp')
    assert looked_at({1: look}) == 0
    listening = {address for address in addresses if address.endswith(f':{port:04X}')}
    assert listening == {f'0100007F:{port:04X}'}


def patient_request(port, path):
    """Return the status of an answer, once the server has seen that others have gone."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return request(port, path)[0]
        except ConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.slow
def test_connections_beyond_a_number_are_closed(looked_at, port):
    answers = []

    def crowd():
        with contextlib.ExitStack() as stack:
            silent = [
                stack.enter_context(socket.create_connection((ADDRESS, port), timeout=20))
                for _ in range(MAX_CONNECTIONS)
            ]
            assert len(silent) == MAX_CONNECTIONS
            late = stack.enter_context(socket.create_connection((ADDRESS, port), timeout=20))
            answers.append(late.recv(1))
        answers.append(patient_request(port, '/'))

    assert looked_at({1: crowd}, '-num_iterations', 2) == 0
    assert answers == [b'', 200]
    assert files() == ['out.png']


def test_twenty_viewers_see_one_run(looked_at, port):
    answers = []

    def crowd():
        state(port)
        with ThreadPoolExecutor(20) as viewers:
            answers.extend(viewers.map(lambda _: state(port)['evaluation'], range(20)))

    assert looked_at({2: crowd}, '-num_iterations', 3) == 0
    assert answers == [1] * 20
    assert files() == ['out.png']


@pytest.mark.parametrize(
    ('path', 'expected'),
    [
        ('a://[', 400),
        ('/state?since=-1', 200),
        ('/state?since=' + '9' * 5000, 200),
        ('/state?since=%D9%A3', 200),
        ('/' + 'a' * 70000, 414),
    ],
    ids=['brackets', 'negative', 'digits', 'arabic', 'long'],
)
def test_strange_addresses_are_answered(looked_at, port, path, expected):
    answers = []
    assert looked_at({1: lambda: answers.append(request(port, path)[0])}) == 0
    assert answers == [expected]


@pytest.mark.parametrize('value', ['-1', '70000', '80.5', 'nan'])
def test_port_that_is_none_is_refused(small_command, capsys, value):
    assert small_command('-preview', value) == 1
    message = capsys.readouterr().err
    assert f'-preview {value}: give a port, a whole number from 1 to 65535' in message
    assert files() == []


def test_port_in_use_is_refused_with_another(small_command, port, capsys):
    with socket.create_server((ADDRESS, port)):
        assert small_command('-preview', port) == 1
    message = capsys.readouterr().err
    assert f'-preview {port}: another program uses this port; give another' in message
    assert files() == []


def test_preview_changes_neither_picture_nor_recipe(looked_at, small_command, port):
    assert small_command('-num_iterations', 3, '-output_image', 'without.png') == 0
    look = lambda: (state(port), request(port, '/picture'))  # noqa: E731
    assert looked_at({2: look, 3: look}, '-num_iterations', 3, '-output_image', 'with.png') == 0
    assert (pixels('with.png') == pixels('without.png')).all()
    assert recipe_of('with.png')['flags'] == recipe_of('without.png')['flags']


def test_dry_run_opens_no_port(small_command, port, capsys):
    with socket.create_server((ADDRESS, port)):  # it would be refused
        assert small_command('-preview', port, '-dry_run') == 0
    assert 'preview' not in capsys.readouterr().err


def test_address_over_ssh_comes_with_the_tunnel(monkeypatch):
    monkeypatch.delenv('SSH_CONNECTION', raising=False)
    assert address_remark(8080) == 'the preview is at http://127.0.0.1:8080/'
    monkeypatch.setenv('SSH_CONNECTION', '10.0.0.1 1 10.0.0.2 22')
    assert '-L 8080:127.0.0.1:8080' in address_remark(8080)


def test_page_before_the_first_run_is_empty():
    preview = Preview()
    assert preview.state() == {'run': 0}
    assert preview.picture() is None and preview.content() is None
    assert not preview.take_save_request()
