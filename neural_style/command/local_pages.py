"""Pages that are served on this machine: under which names, on which ports, and over ssh."""

import errno
import os

ADDRESS = '127.0.0.1'
HOSTS = (ADDRESS, 'localhost', '[::1]')


def names_this_machine(host: str) -> bool:
    """Tell whether the Host that a browser has asked for is this machine; a tunnel has its port."""
    name = host if host.endswith(']') else host.rpartition(':')[0] or host
    return name in HOSTS


def port_problem(port: int, error: OSError) -> str:
    """Say why a port cannot be listened on, and which to give instead."""
    reason = error.strerror or str(error)
    if error.errno == errno.EADDRINUSE:
        reason = 'another program uses this port'
    other = port + 1 if 1024 <= port < 65535 else 8080  # below, ports are the system's
    return f'{reason}; give another, such as {other}'


def ssh_remark(port: int) -> str:
    """Say how to see a page from the machine that has logged in here; '' if none has."""
    if 'SSH_CONNECTION' not in os.environ:
        return ''
    return f'; over ssh, add -L {port}:{ADDRESS}:{port} to the ssh command of your machine'
