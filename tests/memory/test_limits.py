"""Memory limits: sizes as people write them, and what Linux says is free."""

import math
import sys

import pytest
import torch

from neural_style.memory import limits
from neural_style.memory.limits import format_bytes, free_memory, parse_memory


@pytest.mark.parametrize(
    ('text', 'want'),
    [
        ('4G', 4 << 30),
        ('500M', 500 << 20),
        ('1.5GiB', 3 << 29),
        ('64kb', 1 << 16),
        ('12345', 12345),
    ],
)
def test_memory_is_read_with_units(text, want):
    assert parse_memory(text) == want


@pytest.mark.parametrize('text', ['', '4X', '-1G', '0', 'G', 'four'])
def test_memory_that_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match='`memory`.*such as 4G'):
        parse_memory(text)


@pytest.fixture
def linux(tmp_path, monkeypatch):
    """What Linux tells: 8 GiB are available, and nothing has a limit."""

    def write(name, content):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)

    write('proc/meminfo', f'MemTotal: 16777216 kB\nMemAvailable:    {8 << 20} kB\n')
    write('proc/self/cgroup', '1:memory:/old\n0::/mine\n')
    write('proc/self/statm', '1000 10 1 1 0 1 0\n')
    monkeypatch.setattr(limits, 'PROCESSES', tmp_path / 'proc')
    monkeypatch.setattr(limits, 'GROUPS', tmp_path / 'groups')
    monkeypatch.setattr(limits, 'used_memory', lambda device: 1 << 30)
    return write


def free_gib():
    return free_memory(torch.device('cpu')) / 2**30


def test_free_memory_is_the_process_usage_and_what_is_available(linux):
    assert free_gib() == 9
    assert free_memory(torch.device('cpu'), processes=4) == 3 << 30
    linux('proc/meminfo', 'MemTotal: 1 kB\n')
    assert free_gib() == math.inf


@pytest.mark.parametrize(
    'files',
    [
        {'mine/memory.max': 3 << 30, 'mine/memory.current': 2 << 30},
        {'memory.max': 3 << 30, 'memory.current': 2 << 30},
        {'memory/memory.limit_in_bytes': 3 << 30, 'memory/memory.usage_in_bytes': 2 << 30},
    ],
    ids=['own', 'container', 'v1'],
)
def test_free_memory_heeds_limits_of_control_groups(linux, files):
    for name, number in files.items():
        linux(f'groups/{name}', str(number))
        linux(f'groups/{name.rpartition("/")[0]}/memory.stat', 'anon 5\ninactive_file 536870912\n')
    assert free_gib() == 2.5  # files in the cache give way


def test_free_memory_ignores_groups_without_a_limit(linux):
    linux('groups/mine/memory.max', 'max')
    linux('groups/mine/memory.current', '5')
    assert free_gib() == 9


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='needs limits as Linux has them')
def test_free_memory_heeds_a_limit_of_address_space(linux, monkeypatch):
    import resource

    limit = (5 << 30) + limits.RESERVED_ADDRESS_SPACE + 1000 * resource.getpagesize()
    monkeypatch.setattr(resource, 'getrlimit', lambda resource_type: (limit, limit))
    assert free_gib() == 6


@pytest.mark.parametrize(
    ('size', 'text'),
    [(500 << 20, '500M'), (3 << 29, '1.50G'), (1023 << 20, '1023M'), (math.inf, 'unlimited')],
)
def test_format_bytes_writes_units(size, text):
    assert format_bytes(size) == text
