"""Without the extra, the message names it."""

import sys

import pytest

from neural_style.errors import SettingError
from neural_style.video import libraries


@pytest.mark.parametrize('module, load', [('av', libraries.pyav), ('cv2', libraries.opencv)])
def test_missing_library_names_the_extra(module, load, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SettingError, match=r"pip install 'neural-style-caffe\[video\]'"):
        load()
