"""Commands in README and docs work, and what they say of files and flags is true."""

import hashlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
from fractions import Fraction

import documented
import numpy as np
import pytest
from documented import PAGES, fenced_blocks
from PIL import Image
from samples import DATA, ROOT
from servers import folder_server, running

from neural_style.torch7.image import to_bytes
from neural_style.video.clip import ClipFormat
from neural_style.video.encoding import encode_video
from tools import flags_page
from tools.drawing.sequences import sequence

README = (ROOT / 'README.md').read_text()
WORDS = 1000  # of the README


@pytest.fixture
def sandbox(tmp_path, monkeypatch):
    """Change to a folder with every file that the commands name."""
    for name in ('examples', 'neural_style', 'tests'):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ('docs', 'models', 'photos', 'paintings', 'served'):
        (tmp_path / name).mkdir()
    network = DATA / 'models' / 'mini_vgg19_conv'
    for stem, ending in (
        ('models/VGG_ILSVRC_19_layers', '_deploy.prototxt'),
        ('VGG19', '.prototxt'),
        ('VGG_ILSVRC_16_conv', '_deploy.prototxt'),
    ):
        (tmp_path / f'{stem}{ending}').symlink_to(network.with_suffix('.prototxt'))
        (tmp_path / f'{stem}.caffemodel').symlink_to(network.with_suffix('.caffemodel'))
    for name in ('in.jpg', 'content.jpg', 'photos/scene.jpg', 'photos/harbour.jpg', 'painted.png'):
        source = 'harbour.jpg' if 'harbour' in name else 'scene.jpg'
        shutil.copy(DATA / 'inputs' / source, tmp_path / name)
    for name in ('style.jpg', 'paintings/strokes.jpg'):
        shutil.copy(DATA / 'inputs' / 'strokes.jpg', tmp_path / name)
    draw_clip(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    with running(folder_server(tmp_path / 'served')) as url:
        offer_network(tmp_path, url)
        yield tmp_path


def draw_clip(folder):
    """Write three frames as pictures, and as a video where PyAV is there."""
    picture = sequence('pan', 36, 48)
    frames = [(Fraction(time, 10), to_bytes(picture.frame(time))) for time in range(3)]
    for number, (_, pixels) in enumerate(frames, start=1):
        Image.fromarray(pixels).save(folder / f'frames_{number:04}.png')
    if importlib.util.find_spec('av'):
        encode_video(str(folder / 'clip.mp4'), frames, ClipFormat(Fraction(10)))


def offer_network(folder, url):
    """Offer a small file to models/download_models.sh; the address goes into a file."""
    content = b'a network'
    (folder / 'served' / 'tiny.caffemodel').write_bytes(content)
    checksum = hashlib.sha256(content).hexdigest()
    table = f'file tiny.caffemodel\nset vgg19\nbytes {len(content)}\nsum sha256:{checksum}\n'
    shutil.copy(ROOT / 'models' / 'download_models.sh', folder / 'models')
    (folder / 'address').write_text(url)
    (folder / 'table').write_text(f'{table}from {url}/tiny.caffemodel\n')


def run_blocks(page, slow):
    """Run the blocks of a page in order: quick commands, or the slow ones."""
    for language, text in fenced_blocks(page):
        if language == 'python':
            if not slow:
                exec(
                    text.replace('512', '48').replace('num_iterations=500', 'num_iterations=2'), {}
                )
            continue
        for words in documented.commands(text):
            runner = documented.find_runner(words)
            if runner.slow == slow:
                runner.run(words)


def commands_of(page):
    for language, text in fenced_blocks(page):
        if language != 'python':
            yield from documented.commands(text)


SLOW_PAGES = [p for p in PAGES if any(documented.find_runner(w).slow for w in commands_of(p))]


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.stem)
def test_every_fenced_block_is_run(page):
    assert {language for language, _ in fenced_blocks(page)} <= {'', 'python'}
    for words in commands_of(page):
        documented.find_runner(words)  # raises LookupError


@pytest.mark.parametrize('page', [p for p in PAGES if fenced_blocks(p)], ids=lambda page: page.stem)
def test_commands_run(page, sandbox):
    if page.stem == 'video':
        for module in ('av', 'cv2'):
            pytest.importorskip(module, reason='needs the extra [video]')
    run_blocks(page, slow=False)


@pytest.mark.slow
@pytest.mark.parametrize('page', SLOW_PAGES, ids=lambda page: page.stem)
def test_long_commands_run(page, sandbox, forked_processes):
    run_blocks(page, slow=True)


@pytest.mark.slow
def test_the_first_command_makes_a_picture(sandbox):
    (first, *_) = [text for language, text in fenced_blocks(ROOT / 'README.md') if not language]
    words = documented.commands(first)[-1]
    shutil.rmtree('models')  # the embedded network is used
    assert documented.neural_style([*words[1:], '-num_iterations', '3']) == 0
    assert np.asarray(Image.open('out.png')).std() > 20


def test_ci_runs_the_test_command_and_the_slow_tests():
    script = (ROOT / '.ci' / 'run').read_text()
    only_print = script.replace('eval "$1"', ':').replace('$(dirname "$0")/..', str(ROOT))
    assert 'eval' not in only_print
    done = subprocess.run(['bash', '-c', only_print], capture_output=True, text=True, check=True)
    second = fenced_blocks(ROOT / 'README.md')[1][1]
    assert done.stdout.startswith(second) and '-m pytest' in second
    assert '-m slow' in done.stdout.removeprefix(second)


def test_the_readme_is_short():
    assert len(README.split()) <= WORDS
    example = next(text for language, text in fenced_blocks(ROOT / 'README.md') if language)
    assert len([line for line in example.splitlines() if line]) == 8


def test_flags_page_is_that_of_the_table_of_flags():
    assert flags_page.PAGE.read_text() == flags_page.page(), 'run python -m tools.flags_page'


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.stem)
def test_links_and_paths_lead_somewhere(page):
    text = re.sub(r'^```.*?^```$', '', page.read_text(), flags=re.M | re.S)
    for link in re.findall(r'\]\(((?!http)[^)#]+)\)', text):
        assert (page.parent / link).exists(), link
    for path in re.findall(
        r'`((?:neural_style|loadcaffe|tests|tools|benchmarks)/[a-z0-9_/.]+)`', text
    ):
        assert (ROOT / path).exists(), path
    for words in map(shlex.split, re.findall(r'`((?:python|sh) [^`]+)`', text)):
        programs = [word for word in words if '/' in word and not os.path.splitext(word)[1] == '']
        assert all((ROOT / word).exists() for word in programs), words
