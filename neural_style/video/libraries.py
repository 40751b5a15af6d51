"""The libraries of the extra [video]: PyAV for video files, OpenCV for optical flow, SciPy."""

from types import ModuleType

from neural_style.errors import SettingError

EXTRA = "pip install 'neural-style-caffe[video]'"


def pyav() -> ModuleType:
    """Import PyAV, quiet: its errors are reported, not printed.  Raises SettingError.

    With any other level, FFmpeg's threads wait for Python's lock to log a line, and a decoder that
    is closed, which holds the lock, waits for them: for ever.
    """
    try:
        import av
        import av.logging
    except ImportError:
        raise SettingError('content_image', f'videos need PyAV: {EXTRA}') from None
    av.logging.set_level(None)
    return av


def opencv() -> ModuleType:
    """Import OpenCV.  Raises SettingError."""
    try:
        import cv2
    except ImportError:
        raise SettingError(
            'content_image', f'optical flow needs OpenCV: {EXTRA}, or give `flow_pattern`'
        ) from None
    return cv2


def scipy_ndimage() -> ModuleType:
    """Import SciPy's interpolation.  Raises SettingError."""
    try:
        from scipy import ndimage
    except ImportError:
        raise SettingError('content_image', f'videos need SciPy: {EXTRA}') from None
    return ndimage
