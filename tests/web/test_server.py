"""What the server answers beside the page itself."""

import socket

from neural_style.web.server import open_socket


def test_answers_do_not_wait_for_acknowledgements():
    with open_socket('127.0.0.1', 0) as listening:
        with socket.create_connection(listening.getsockname()):
            connection, _ = listening.accept()
            with connection:
                assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
