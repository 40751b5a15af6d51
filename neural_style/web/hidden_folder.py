"""The folder of the page's files has another name outside: no path of the machine gets out or in.

Gradio's addresses of pictures hold their paths.  This middleware writes a random name in the place
of the folder in all that the page answers, and takes that name for the folder in what it is asked.
"""

import json
import re
import secrets
from typing import Any
from urllib.parse import quote

from neural_style.web.gate import Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]
# Types of what may hold paths.
REWRITTEN = (b'application/json', b'text/event-stream', b'text/html', b'text/plain')
COMPRESSED = '/assets/'  # holds none


class HiddenFolder:
    """Middleware around the page.  folder: absolute, without symbolic links."""

    def __init__(self, app: Any, folder: str):
        self.app = app
        self.folder = folder
        self.name = f'/{secrets.token_hex(8)}'

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope['type'] != 'http':
            await self.app(scope, receive, send)
            return
        headers = list(scope['headers'])
        if not scope['path'].startswith(COMPRESSED):  # texts are rewritten as they are
            headers = without(headers, b'accept-encoding')
        if not has_type(headers, (b'multipart/',)):  # those bring files
            body = self.inward(await whole_body(receive), json.dumps(self.folder)[1:-1])
            length = (b'content-length', str(len(body)).encode())
            headers = [*without(headers, length[0]), length]
            receive = after(body, receive)
        quoted = quote(self.folder)
        scope = {
            **scope,
            'headers': headers,
            'path': self.inward(scope['path'].encode(), self.folder).decode(),
            'raw_path': self.inward(scope.get('raw_path') or b'', quoted),
            'query_string': self.inward(scope['query_string'], quoted),
        }
        await self.app(scope, receive, self.outward(send))

    def inward(self, text: bytes, folder: str) -> bytes:
        """Put the folder in the place of its name, and its name, which is no path, in its place.

        folder: as it is written in such a text.
        """
        swapped = {self.name.encode(): folder.encode(), folder.encode(): self.name.encode()}
        pattern = b'|'.join(map(re.escape, swapped))
        return re.sub(pattern, lambda match: swapped[match[0]], text)

    def outward(self, send: Send) -> Send:
        """Return a way to answer in which the name is in the place of the folder."""
        renaming: Renaming | None = None

        async def send_renamed(message: Any) -> None:
            nonlocal renaming
            if message['type'] == 'http.response.start' and has_type(message['headers'], REWRITTEN):
                renaming = Renaming(self.folder, self.name)
                message = {**message, 'headers': without(message['headers'], b'content-length')}
            elif renaming is not None and message['type'] == 'http.response.body':
                has_more = message.get('more_body', False)
                text = renaming(message.get('body', b''), not has_more)
                message = {**message, 'body': text}
            await send(message)

        return send_renamed


class Renaming:
    """Writes a name in the place of a folder in a text that comes in pieces."""

    def __init__(self, folder: str, name: str):
        written = {folder, quote(folder), json.dumps(folder)[1:-1]}
        written.add(json.dumps(folder, ensure_ascii=False)[1:-1])
        self.forms = sorted((text.encode() for text in written), key=len, reverse=True)
        self.pattern = re.compile(b'|'.join(map(re.escape, self.forms)))
        self.name = name.encode()
        self.held = b''  # the end of the last piece, if the folder may begin there

    def __call__(self, piece: bytes, is_last: bool) -> bytes:
        text = self.pattern.sub(self.name, self.held + piece)
        count = 0 if is_last else self._open_end(text)
        self.held = text[len(text) - count :]
        return text[: len(text) - count]

    def _open_end(self, text: bytes) -> int:
        """Return how many bytes at the end of a text may be the beginning of the folder."""
        longest = min(len(self.forms[0]) - 1, len(text))
        starts = (count for count in range(longest, 0, -1) if self._begins(text[-count:]))
        return next(starts, 0)

    def _begins(self, end: bytes) -> bool:
        return any(form.startswith(end) for form in self.forms)


def has_type(headers: Headers, types: tuple[bytes, ...]) -> bool:
    return any(name == b'content-type' and value.startswith(types) for name, value in headers)


def without(headers: Headers, name: bytes) -> Headers:
    return [pair for pair in headers if pair[0] != name]


async def whole_body(receive: Receive) -> bytes:
    """Return the body of a request, whose length the gate has limited."""
    pieces = []
    while True:
        message = await receive()
        pieces.append(message.get('body', b''))
        if not message.get('more_body'):
            return b''.join(pieces)


def after(body: bytes, receive: Receive) -> Receive:
    """Return a way to receive a body that is there already, and then what comes."""
    messages = [{'type': 'http.request', 'body': body, 'more_body': False}]

    async def receive_body() -> Any:
        return messages.pop() if messages else await receive()

    return receive_body
