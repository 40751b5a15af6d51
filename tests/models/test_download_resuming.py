"""models/download_models.sh resumes files that were cut off, and starts afresh where it must."""

import hashlib
import os
import signal
import subprocess
import time

import pytest
from model_server import BIG, CUT, MODEL, NAME, PAGE, WRONG, assert_missing, assert_right, last_line


def test_file_cut_off_by_the_server_is_resumed_until_whole(folder, server):
    folder.table(f'{server.url}/cuts/{NAME}')
    assert_right(folder.run(), folder)
    assert [r for _, r in server.requests] == [None, f'bytes={CUT}-', f'bytes={2 * CUT}-']


@pytest.mark.slow
def test_file_of_a_stalled_server_is_resumed(folder, server):
    folder.table(f'{server.url}/stalls/{NAME}')
    assert_right(folder.run(), folder)
    assert server.requests == [('stalls', None), ('stalls', f'bytes={CUT}-')]


def test_part_of_an_earlier_run_is_resumed(folder, server):
    folder.table(f'{server.url}/right/{NAME}')
    (folder.path / f'{NAME}.part').write_bytes(MODEL[:1_500])
    assert_right(folder.run(), folder)
    assert server.requests == [('right', 'bytes=1500-')]


def test_part_that_is_whole_is_moved_without_a_request(folder, server):
    folder.table(f'{server.url}/right/{NAME}')
    (folder.path / f'{NAME}.part').write_bytes(MODEL)
    assert_right(folder.run(), folder)
    assert server.requests == []


@pytest.mark.parametrize('part', [WRONG, MODEL + b'more', PAGE], ids=['wrong', 'longer', 'page'])
def test_part_that_cannot_become_right_is_dropped_at_once(part, folder, server):
    folder.table(f'{server.url}/right/{NAME}')
    (folder.path / f'{NAME}.part').write_bytes(part)
    assert_right(folder.run(), folder)
    assert server.requests == [('right', None)]


def test_part_of_another_file_is_fetched_afresh_after_one_try(folder, server):
    folder.table(f'{server.url}/right/{NAME}')
    (folder.path / f'{NAME}.part').write_bytes(WRONG[::-1][:100])
    assert_right(folder.run(), folder)
    assert server.requests == [('right', 'bytes=100-'), ('right', None)]


def test_short_file_is_resumed(folder, server):
    folder.table(f'{server.url}/right/{NAME}')
    (folder.path / NAME).write_bytes(MODEL[:500])
    assert_right(folder.run(), folder)
    assert server.requests == [('right', 'bytes=500-')]


def test_short_file_is_not_left_under_its_name_when_resuming_fails(folder, server):
    folder.table(f'{server.url}/missing/{NAME}')
    (folder.path / NAME).write_bytes(MODEL[:500])
    assert_missing(folder.run(), folder, 'server answered')
    assert folder.files() == {f'{NAME}.part': MODEL[:500]}


@pytest.mark.parametrize('part', [MODEL[:100], WRONG[::-1][:100]], ids=['right part', 'wrong part'])
@pytest.mark.parametrize('fault', ['no_ranges', 'refuses_ranges'])
def test_file_is_right_from_a_server_that_does_not_resume(fault, part, folder, server):
    folder.table(f'{server.url}/{fault}/{NAME}')
    (folder.path / f'{NAME}.part').write_bytes(part)
    assert_right(folder.run(), folder)


def test_file_is_fetched_afresh_when_curl_calls_416_an_error(bare_folder):
    # As curl did before it took 416 for the end of the file: status 22 and nothing written.
    curl = bare_folder.bin / 'curl'
    curl.write_text(
        '#!/bin/sh\n'
        f'if [ -e {NAME}.part ]; then printf 416; exit 22; fi\n'
        f'cat ../sent >{NAME}.part; printf 200\n'
    )
    curl.chmod(0o755)
    (bare_folder.path.parent / 'sent').write_bytes(MODEL)
    bare_folder.table(f'http://127.0.0.1/{NAME}')
    (bare_folder.path / f'{NAME}.part').write_bytes(MODEL[:100])
    assert_right(bare_folder.run(), bare_folder)


def test_part_is_kept_for_the_next_address_when_the_first_does_not_resume(folder, server):
    folder.table(f'{server.url}/refuses_ranges/{NAME}', f'{server.url}/right/{NAME}')
    (folder.path / f'{NAME}.part').write_bytes(MODEL[:1_500])
    assert_right(folder.run(), folder)
    assert server.requests == [('refuses_ranges', 'bytes=1500-'), ('right', 'bytes=1500-')]


def test_part_is_kept_when_every_server_is_gone(folder, server):
    folder.table(f'{server.url}/missing/{NAME}')
    (folder.path / f'{NAME}.part').write_bytes(MODEL[:1_500])
    assert_missing(folder.run(), folder, 'server answered')
    assert folder.files() == {f'{NAME}.part': MODEL[:1_500]}


def test_interrupt_keeps_the_part_for_the_next_run(folder, server):
    sums = [f'sha256:{hashlib.sha256(BIG).hexdigest()}']
    folder.table(f'{server.url}/big_stalls/{NAME}', size=len(BIG), sums=sums)
    part = folder.path / f'{NAME}.part'
    command, how = folder.command('--timeout', '20')
    with subprocess.Popen(
        command, **how, stdout=-1, stderr=-1, text=True, start_new_session=True
    ) as run:
        deadline = time.monotonic() + 10
        while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.killpg(run.pid, signal.SIGINT)  # as Ctrl-C does: to the shell and to what it runs
        _, errors = run.communicate(timeout=10)
    assert run.returncode == 1
    assert 'interrupted; run it again' in last_line(errors)
    assert list(folder.files()) == [part.name]
    left = part.read_bytes()
    assert left and BIG.startswith(left)

    server.requests.clear()
    result = folder.run('--mirror', f'{server.url}/big')
    assert result.returncode == 0, result.stderr
    assert folder.files() == {NAME: BIG}
    assert server.requests == [('big', f'bytes={len(left)}-')]


def test_file_of_unknown_size_is_resumed_when_cut_off_within_the_range(folder, server):
    folder.table(f'{server.url}/cuts/{NAME}', size='1500-3000')
    assert_right(folder.run(), folder)
    assert [r for _, r in server.requests] == [None, f'bytes={CUT}-', f'bytes={2 * CUT}-']


def test_part_of_a_file_of_unknown_size_is_resumed_from_within_the_range(folder, server):
    folder.table(f'{server.url}/right/{NAME}', size='1500-3000')
    (folder.path / f'{NAME}.part').write_bytes(MODEL[:2_000])
    assert_right(folder.run(), folder)
    assert server.requests == [('right', 'bytes=2000-')]
