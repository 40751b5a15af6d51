"""The gate: who gets in, and what is kept out."""

import asyncio

import pytest

from neural_style.web.gate import COOKIE, FORM_BYTES, Gate


async def application(scope, receive, send):
    await send({'type': 'http.response.start', 'status': 200, 'headers': []})
    await send({'type': 'http.response.body', 'body': b'the page'})


def gate(password='', is_local=True, max_bytes=1000):
    return Gate(application, password, is_local, max_bytes)


def ask(gate, path='/', method='GET', body=b'', **headers):
    """Return status, headers and content of an answer."""
    headers = {'host': '127.0.0.1:7860', **headers}
    pairs = [(name.replace('_', '-').encode(), value.encode()) for name, value in headers.items()]
    scope = {'type': 'http', 'method': method, 'path': path, 'headers': pairs}
    sent = []

    async def receive():
        return {'type': 'http.request', 'body': body, 'more_body': False}

    async def send(message):
        sent.append(message)

    asyncio.run(gate(scope, receive, send))
    names = {name.decode(): value.decode() for name, value in sent[0]['headers']}
    return sent[0]['status'], names, sent[1]['body']


def log_in(gate, password):
    body = f'password={password}'.encode()
    return ask(gate, '/login', 'POST', body, content_length=str(len(body)))


@pytest.mark.parametrize(
    ('host', 'expected'),
    [('localhost:1', 200), ('[::1]:80', 200), ('example.org', 403), ('', 403)],
)
def test_page_answers_under_names_of_this_machine_alone(host, expected):
    assert ask(gate(), host=host)[0] == expected


def test_other_sites_post_nothing():
    evil = {'origin': 'http://example.org', 'content_length': '1'}
    assert ask(gate(), method='POST', **evil)[0] == 403
    own = {'origin': 'http://127.0.0.1:7860', 'content_length': '1'}
    assert ask(gate(), method='POST', **own)[0] == 200


@pytest.mark.parametrize(('length', 'expected'), [(1000, 200), (1001 + FORM_BYTES, 413)])
def test_uploads_are_limited(length, expected):
    assert ask(gate(), method='POST', content_length=str(length))[0] == expected


def test_upload_of_unknown_length_is_refused():
    assert ask(gate(), method='POST')[0] == 411


def test_nothing_is_answered_without_the_password():
    page = gate('secret', is_local=False)
    for path in ('/', '/job/x/state', '/gradio_api/info', '/config'):
        status, _, content = ask(page, path)
        assert status == 401 and b'the page' not in content
    assert ask(page, cookie=f'{COOKIE}=guess')[0] == 401


def test_password_opens_the_page_once_for_all():
    page = gate('secret', is_local=False)
    status, headers, _ = log_in(page, 'secret')
    assert status == 303 and 'HttpOnly' in headers['set-cookie']
    cookie = headers['set-cookie'].partition(';')[0]
    assert ask(page, cookie=f'other=1; {cookie}')[2] == b'the page'


def test_passwords_cannot_be_tried_quickly():
    page = gate('secret', is_local=False)
    assert log_in(page, 'wrong')[0] == 401
    status, _, content = log_in(page, 'secret')
    assert status == 401 and b'Try again in a second' in content


def test_policy_allows_nothing_from_other_sites():
    policy = ask(gate())[1]['content-security-policy']
    assert "default-src 'self'" in policy and 'http' not in policy
