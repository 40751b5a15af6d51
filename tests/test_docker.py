"""The Dockerfile: what it installs is what setup.cfg and the README have."""

import configparser
import fnmatch
import re

from samples import ROOT

DOCKERFILE = (ROOT / 'Dockerfile').read_text()
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / 'setup.cfg')


def numbers(version):
    return tuple(map(int, version.split('.')))


def test_image_has_the_pytorch_of_the_readme():
    (version,) = set(re.findall(r'torch==([\d.]+)', DOCKERFILE))
    assert f'torch=={version} .' in (ROOT / 'README.md').read_text()
    lowest = re.search(r'^torch>=([\d.]+)', SETUP['options']['install_requires'], re.M)[1]
    assert numbers(version) >= numbers(lowest)


def test_image_has_every_extra_but_that_of_the_tests():
    (extras,) = re.findall(r'/source\[([\w,]+)\]', DOCKERFILE)
    assert set(extras.split(',')) == set(SETUP['options.extras_require']) - {'test'}


def test_python_of_the_image_is_one_for_which_every_extra_exists():
    python = numbers(re.search(r'^FROM python:([\d.]+)', DOCKERFILE, re.M)[1])
    wanted = SETUP['options']['python_requires'] + SETUP['options.extras_require']['video']
    assert all(python >= numbers(version) for version in re.findall(r">='?([\d]\.[\d]+)", wanted))


def test_entry_of_the_image_is_a_command():
    (entry,) = re.findall(r'^ENTRYPOINT \["([\w-]+)"\]', DOCKERFILE, re.M)
    scripts = SETUP['options.entry_points']['console_scripts'].split('\n')
    assert entry in [script.partition(' ')[0] for script in scripts]


def test_context_has_what_the_image_copies_and_nothing_else():
    copied = re.findall(r'^COPY (.+) \S+$', DOCKERFILE, re.M)
    names = {name for line in copied for name in line.split()}
    ignored = (ROOT / '.dockerignore').read_text().splitlines()
    assert '*' in ignored and all((ROOT / name).exists() for name in names)
    kept = {line[1:] for line in ignored if line.startswith('!')}
    assert kept == names
    packages = SETUP['options.packages.find']['include'].split()
    assert all(fnmatch.filter(names, pattern) for pattern in packages)
    assert SETUP['metadata']['long_description'].removeprefix('file: ') in names
