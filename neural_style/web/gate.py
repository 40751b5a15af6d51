"""The gate: who may ask the page for anything, and how much they may send."""

import hmac
import importlib.resources
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from neural_style.command.local_pages import names_this_machine

TEMPLATES = importlib.resources.files('neural_style.web') / 'templates'
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

COOKIE = 'neural_style_web'
LOGIN_BYTES = 4096
LOGIN_DELAY = 1.0  # seconds between two passwords, of all who try
FORM_BYTES = 64 * 1024  # beside the picture of an upload
# Gradio's page has scripts and styles within it, and makes pictures of its own.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:;"
    " style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' blob:;"
    " worker-src 'self' blob:; connect-src 'self' data: blob:; font-src 'self' data:;"
    " form-action 'self'; base-uri 'self'; frame-ancestors 'none'"
)
HEADERS = {
    'content-security-policy': POLICY,
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'same-origin',  # with none, the form of the password would have no origin
    'x-content-type-options': 'nosniff',
    'permissions-policy': 'camera=(self), microphone=(), geolocation=()',
}


class Gate:
    """Middleware in front of the page.

    password: asked for once, if it is not ''; a cookie remembers it until the program ends.
    is_local: whether only this machine is listened to, under its own names.
    """

    def __init__(self, app: Any, password: str, is_local: bool, max_bytes: int):
        self.app = app
        self.password = password.encode()
        self.is_local = is_local
        self.max_bytes = max_bytes
        self.cookie = secrets.token_urlsafe(32)
        self._next_login = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope['type'] == 'lifespan':
            await self.app(scope, receive, send)
            return
        if scope['type'] != 'http':  # the page has no web sockets
            return
        headers = {
            name.decode('latin-1'): value.decode('latin-1') for name, value in scope['headers']
        }
        refusal = self._refusal(scope, headers)
        if refusal:
            await answer(send, *refusal)
        elif not self.password or self._has_cookie(headers):
            await self.app(scope, receive, with_headers(send))
        else:
            await self._ask(scope, receive, send)

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, bytes] | None:
        """Return status and text for a request that is refused whoever sends it."""
        host = headers.get('host', '')
        if self.is_local and not names_this_machine(host):
            return 403, b'this page is for its own machine'
        if scope['method'] in ('GET', 'HEAD'):
            return None
        origin = headers.get('origin')
        if origin is not None and urlsplit(origin).netloc != host:
            return 403, b'only the page itself may ask for this'
        length = headers.get('content-length')
        if length is None or not length.isdecimal():
            return 411, b'how long is it?'
        if int(length) > self.max_bytes + FORM_BYTES:
            return 413, b'too large'
        return None

    def _has_cookie(self, headers: dict[str, str]) -> bool:
        pairs = (pair.strip().partition('=') for pair in headers.get('cookie', '').split(';'))
        return any(
            name == COOKIE and hmac.compare_digest(value.encode(), self.cookie.encode())
            for name, _, value in pairs
        )

    async def _ask(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer somebody who has not given the password yet."""
        if (scope['method'], scope['path']) != ('POST', '/login'):
            is_page = scope['path'] == '/'
            await answer(send, 401, login_page('') if is_page else b'log in first', is_page)
            return
        now = time.monotonic()
        is_early, self._next_login = now < self._next_login, now + LOGIN_DELAY
        form = parse_qs((await body(receive)).decode('utf-8', 'replace'))
        password = form.get('password', [''])[0].encode()
        if is_early or not hmac.compare_digest(password, self.password):
            text = 'Try again in a second.' if is_early else 'This is not the password.'
            await answer(send, 401, login_page(text), True)
            return
        cookie = f'{COOKIE}={self.cookie}; HttpOnly; SameSite=Strict; Path=/'
        await answer(send, 303, b'', headers={'location': '/', 'set-cookie': cookie})


async def body(receive: Receive) -> bytes:
    """Return what a form sends, up to a few thousand bytes."""
    content = b''
    while len(content) < LOGIN_BYTES:
        message = await receive()
        content += message.get('body', b'')
        if not message.get('more_body'):
            break
    return content[:LOGIN_BYTES]


def login_page(message: str) -> bytes:
    """Return the page that asks for the password."""
    page = (TEMPLATES / 'login.html').read_text('utf-8')
    return page.replace('$message', message).encode()


async def answer(
    send: Send,
    status: int,
    content: bytes,
    is_page: bool = False,
    headers: MutableMapping[str, str] | None = None,
) -> None:
    """Send a whole answer."""
    kind = f'text/{"html" if is_page else "plain"}; charset=utf-8'
    fields = {'content-type': kind, 'content-length': str(len(content)), **(headers or {})}
    pairs = [(name.encode(), value.encode('latin-1')) for name, value in fields.items()]
    send = with_headers(send)
    await send({'type': 'http.response.start', 'status': status, 'headers': pairs})
    await send({'type': 'http.response.body', 'body': content})


def with_headers(send: Send) -> Send:
    """Add the headers that every answer has."""

    async def send_with_headers(message: MutableMapping[str, Any]) -> None:
        if message['type'] == 'http.response.start':
            pairs = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            message = {**message, 'headers': [*message.get('headers', []), *pairs]}
        await send(message)

    return send_with_headers
