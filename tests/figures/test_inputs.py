"""Which image has which part in a figure."""

import shutil
from pathlib import Path

from neural_style.figures import inputs
from neural_style.figures.inputs import TUBINGEN, choose_inputs


def test_images_of_the_project_stand_in_and_labels_name_them(command, capsys, monkeypatch):
    monkeypatch.setattr('neural_style.figures.sheet.Sheet.draw', lambda *_: b'')
    assert command('style_scale', '-content_image "" -style_image ""') == 0
    err = capsys.readouterr().err
    assert 'harbour.jpg stands for golden_gate.jpg' in err
    assert 'swirls.jpg stands for starry_night.jpg' in err
    text = Path('out', 'index.html').read_text(encoding='utf-8')
    assert 'harbour.jpg' in text


def test_images_of_the_paper_come_first(tmp_path, monkeypatch, data):
    monkeypatch.setattr(inputs, 'folders', lambda: [str(tmp_path)])
    for name in ('harbour.jpg', 'tubingen.jpg'):
        shutil.copy(data / 'inputs' / 'scene.jpg', tmp_path / name)
    (content,) = choose_inputs('-content_image', [TUBINGEN], [], 1, 1)
    assert content.name == 'tubingen.jpg' and content.remark == ''


def test_missing_images_are_refused_with_the_flags_to_give(command, monkeypatch, capsys):
    monkeypatch.setattr(inputs, 'folders', list)
    assert command('1', '-content_image ""') == 1
    assert 'pass -content_image and -style_image' in capsys.readouterr().err
