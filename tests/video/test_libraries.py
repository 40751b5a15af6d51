"""Without the extra, the message names it."""

import sys

import pytest

from neural_style.errors import SettingError
from neural_style.video import libraries


@pytest.mark.parametrize(
    'module, load',
    [('av', libraries.pyav), ('cv2', libraries.opencv), ('scipy', libraries.scipy_ndimage)],
)
def test_missing_library_names_the_extra(module, load, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SettingError, match=r"pip install 'neural-style-caffe\[video\]'"):
        load()


def test_threads_of_decoders_do_not_wait_for_the_lock_of_python():
    logging = pytest.importorskip('av.logging', reason='needs PyAV, of the extra [video]')
    logging.set_level(logging.PANIC)  # as another program may have done
    libraries.pyav()
    assert logging.get_level() is None
