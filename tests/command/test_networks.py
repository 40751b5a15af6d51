"""The network of a run: as named, or the embedded one."""

import pytest

from neural_style.command.networks import embedded_network, find_network, load_network


def test_first_existing_model_file_is_taken(tmp_path):
    existing = tmp_path / 'a.caffemodel'
    existing.touch()
    assert find_network('p', [str(existing)]) == ('p', str(existing), '')
    proto_file, model_file, remark = find_network('p', ['missing', str(existing)])
    assert (proto_file, model_file) == ('p', str(existing))
    assert remark == f'there is no missing: using {existing}'


def test_embedded_network_stands_in_for_a_missing_one():
    proto_file, model_file, remark = find_network('p', ['missing'])
    assert (proto_file, model_file) == embedded_network()
    assert remark.startswith('there is no missing') and 'small embedded network' in remark
    assert len(load_network(proto_file, model_file)) > 20


@pytest.mark.parametrize(
    ('content', 'message'), [(None, 'no such file'), (b'text', '-model_file: ')]
)
def test_bad_model_file_is_named_with_the_remedy(tmp_path, content, message):
    path = tmp_path / 'bad.caffemodel'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises((OSError, ValueError), match='sh models/download_models.sh') as error:
        load_network('no.prototxt', str(path))
    assert message in str(error.value)
