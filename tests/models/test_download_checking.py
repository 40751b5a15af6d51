"""models/download_models.sh checks what it downloads: checksums, sizes, first bytes."""

import hashlib
import shutil

import pytest
from model_server import MODEL, NAME, PAGE, POINTER, WRONG, Folder, assert_missing, assert_right


@pytest.mark.parametrize('wrong', [WRONG, PAGE, POINTER], ids=['wrong', 'page', 'pointer'])
def test_wrong_file_is_set_aside_and_replaced(wrong, folder, server):
    folder.table(f'{server.url}/right/{NAME}')
    (folder.path / NAME).write_bytes(wrong)
    result = folder.run()
    assert f'set aside as {NAME}.wrong' in result.stdout
    assert_right(result, folder, **{f'{NAME}.wrong': wrong})


def sums_of(model):
    named = [f'{a}:{hashlib.new(a, model).hexdigest()}' for a in ('sha256', 'sha1', 'md5')]
    blob = hashlib.sha1(b'blob %d\0' % len(model) + model).hexdigest()  # as git hash-object does
    return [*named, f'gitblob:{blob}']


@pytest.mark.parametrize('tool', ['sha256sum', 'sha1sum', 'md5sum', 'shasum', 'openssl', 'md5'])
def test_sum_is_checked_by_whichever_tool_there_is(tool, tmp_path, server):
    folder = Folder(tmp_path)
    folder.install(tool, 'curl' if shutil.which('curl') else 'wget')
    folder.table(f'{server.url}/wrong/{NAME}', f'{server.url}/right/{NAME}', sums=sums_of(MODEL))
    result = folder.run()
    assert f'{NAME} has the wrong checksum, from {server.url}/wrong/{NAME}' in result.stdout
    assert 'no tool' not in result.stdout
    assert_right(result, folder)


@pytest.mark.parametrize('tool', ['sha1sum', 'shasum', 'openssl'])
def test_sum_of_git_is_checked(tool, tmp_path, server):
    folder = Folder(tmp_path)
    folder.install(tool, 'curl' if shutil.which('curl') else 'wget')
    addresses = [f'{server.url}/wrong/{NAME}', f'{server.url}/right/{NAME}']
    folder.table(*addresses, sums=sums_of(MODEL)[3:])
    assert_right(folder.run(), folder)
    assert server.requests == [('wrong', None), ('right', None)]


@pytest.mark.parametrize('sums', [sums_of(MODEL)[::3], [*sums_of(WRONG)[:1], *sums_of(MODEL)[1:]]])
def test_one_sum_of_several_is_proof(sums, bare_folder, server):
    bare_folder.install('sha1sum')
    bare_folder.table(sums=sums)
    (bare_folder.path / NAME).write_bytes(MODEL)
    assert_right(bare_folder.run(), bare_folder)


def test_size_and_kind_are_all_that_is_checked_without_a_tool_which_is_said(tmp_path, server):
    folder = Folder(tmp_path)
    folder.install('curl' if shutil.which('curl') else 'wget')
    folder.table(f'{server.url}/shorter/{NAME}', f'{server.url}/right/{NAME}')
    result = folder.run()
    assert f'{NAME}: no tool for its checksum here' in result.stdout
    assert_right(result, folder)
    assert {fault for fault, _ in server.requests} == {'shorter', 'right'}


@pytest.mark.parametrize('name', ['text.caffemodel', 'text.prototxt'])
def test_text_of_the_right_size_is_no_model_even_without_a_tool(name, tmp_path, server):
    folder = Folder(tmp_path)
    folder.install('curl' if shutil.which('curl') else 'wget')
    text = b'Too many requests'
    folder.table(name=name, size=len(text))
    (folder.path / name).write_bytes(text)
    result = folder.run()
    assert result.returncode == 1
    assert f'{name} is not a {name.split(".")[1]}: set aside as {name}.wrong' in result.stdout
    assert folder.files() == {f'{name}.wrong': text}


@pytest.mark.parametrize('size', ['3000-3500', '1500-2000'])
def test_file_of_unknown_size_is_refused_outside_the_range(size, folder, server):
    folder.table(f'{server.url}/right/{NAME}', size=size)
    assert_missing(folder.run(), folder, 'bytes')
    assert folder.files() == {}
