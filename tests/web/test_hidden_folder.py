"""The folder of the page's files has another name outside."""

import asyncio
import json
import re

import pytest

from neural_style.web.hidden_folder import HiddenFolder

FOLDER = '/tmp/a page+é'
WRITTEN = ('/tmp/a page+é', '/tmp/a%20page%2B%C3%A9', r'/tmp/a page+\u00e9')


def ask(answer, request=b'', content_type='application/json', path='/x', query=b''):
    """Ask a page whose answer is a function of the request: (scope, body) → type, pieces.

    Returns the middleware, the headers of the answer, and its pieces.
    """

    async def page(scope, receive, send):
        body = (await receive())['body']
        answer_type, pieces = answer(scope, body)
        headers = [(b'content-type', answer_type.encode()), (b'content-length', b'9')]
        await send({'type': 'http.response.start', 'status': 200, 'headers': headers})
        for piece in pieces:
            await send({'type': 'http.response.body', 'body': piece, 'more_body': True})
        await send({'type': 'http.response.body', 'body': b''})

    hidden = HiddenFolder(page, FOLDER)
    sent, received = [], []
    if callable(request):
        request = request(hidden.name)
    if callable(path):
        path = path(hidden.name)
    headers = [(b'content-type', content_type.encode()), (b'content-length', b'0')]
    scope = {'type': 'http', 'path': path, 'raw_path': path.encode(), 'query_string': query}
    scope['headers'] = [*headers, (b'accept-encoding', b'br')]

    async def receive():
        received.append(1)
        return {'type': 'http.request', 'body': request, 'more_body': False}

    async def send(message):
        sent.append(message)

    asyncio.run(hidden(scope, receive, send))
    return hidden, dict(sent[0]['headers']), [message['body'] for message in sent[1:]]


@pytest.mark.parametrize('content_type', ['application/json', 'text/event-stream', 'text/html'])
@pytest.mark.parametrize('written', WRITTEN)
def test_answers_have_the_name_wherever_they_are_cut(content_type, written):
    text = f'"{written}/x.png"'.encode()
    for cut in range(len(text)):
        pieces = [text[:cut], text[cut:]]
        hidden, headers, sent = ask(lambda *_, pieces=pieces: (content_type, pieces))
        assert b''.join(sent) == f'"{hidden.name}/x.png"'.encode()
        assert b'content-length' not in headers


def test_events_are_not_held_back():
    _, _, sent = ask(lambda *_: ('text/event-stream', [b'data: {}\n\n', b'data: /t\n\n']))
    assert sent == [b'data: {}\n\n', b'data: /t\n\n', b'']


def test_pictures_are_sent_as_they_are():
    _, headers, sent = ask(lambda *_: ('image/jpeg', [FOLDER.encode()]))
    assert sent == [FOLDER.encode(), b''] and headers[b'content-length'] == b'9'


def test_requests_that_have_the_name_get_the_folder():
    seen = []

    def answer(scope, body):
        lengths = [value for name, value in scope['headers'] if name == b'content-length']
        seen.append((scope['path'], scope['raw_path'], json.loads(body), lengths))
        assert b'accept-encoding' not in dict(scope['headers'])
        seen.append(len(body))
        return 'text/plain', []

    ask(answer, lambda name: f'["{name}/x"]'.encode(), path=lambda name: f'/file={name}/x')
    (path, raw_path, body, lengths), length = seen
    assert body == [f'{FOLDER}/x'] and lengths == [str(length).encode()]
    assert path == f'/file={FOLDER}/x' and raw_path == b'/file=/tmp/a%20page%2B%C3%A9/x'


def test_requests_that_name_the_folder_itself_do_not_reach_it():
    def answer(scope, body):
        assert FOLDER not in scope['path'] and FOLDER not in json.loads(body)[0]
        return 'text/plain', []

    ask(answer, json.dumps([f'{FOLDER}/x']).encode(), path=f'/file={FOLDER}/x')


def test_uploads_are_received_as_they_come():
    content = []

    def answer(scope, body):
        content.append(body)
        return 'application/json', []

    hidden, _, _ = ask(answer, lambda name: name.encode(), 'multipart/form-data; boundary=x')
    assert content == [hidden.name.encode()]


def test_name_tells_nothing():
    names = {HiddenFolder(None, FOLDER).name for _ in range(3)}
    assert len(names) == 3 and all(re.fullmatch('/[0-9a-f]{16}', name) for name in names)
