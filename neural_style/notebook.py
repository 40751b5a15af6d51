"""A picture that grows in a notebook: stylize(..., callback=show())."""

import base64
import math
import time
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.nn import functional

from neural_style.torch7 import image
from neural_style.transfer.session import Iterate

JPEG_QUALITY = 90
OUTPUT = (
    '<figure style="margin:0"><img alt="The picture as it is now" style="max-width:100%"'
    ' src="data:image/jpeg;base64,{data}"><figcaption style="font:0.9em system-ui,sans-serif">'
    '<progress aria-label="Progress" max="{total}" value="{done}" style="width:16em"></progress>'
    ' {text}</figcaption></figure>'
)


def show(every: float = 0.5, longest_side: int = 640) -> Callable[[Iterate], None]:
    """Return a callback of stylize that shows the picture, a bar and the loss in a notebook.

    every: seconds between two pictures; the last one is always shown.  longest_side: larger
    pictures are shown smaller.  Raises ImportError where there is no IPython.
    """
    from IPython.display import HTML, display

    handle: Any = None
    begun = time.monotonic()
    shown = -math.inf

    def callback(iterate: Iterate) -> None:
        nonlocal handle, shown
        now = time.monotonic()
        is_last = iterate.iteration >= iterate.num_iterations
        if not is_last and now - shown < every:
            return
        shown = now
        content = HTML(html(iterate, longest_side, now - begun))
        if handle is None:
            handle = display(content, display_id=True)
        else:
            handle.update(content)

    return callback


def html(iterate: Iterate, longest_side: int, seconds: float) -> str:
    """Return what a notebook shows of an evaluation, as HTML."""
    picture = bytes(image.encode('x.jpg', smaller(iterate.image, longest_side), JPEG_QUALITY))
    total = iterate.num_iterations
    return OUTPUT.format(
        data=base64.b64encode(picture).decode(),
        done=iterate.iteration,
        total=total if math.isfinite(total) else 1,
        text=f'{iterate.iteration} of {total:g} · loss {float(iterate.loss):.4g} · {seconds:.0f} s',
    )


def smaller(picture: Tensor, longest_side: int) -> Tensor:
    """Return a picture (3, H, W) in a size for the page: averages of whole blocks of pixels."""
    factor = math.ceil(max(picture.shape[1:]) / longest_side)
    if factor == 1 or min(picture.shape[1:]) < factor:
        return picture
    return functional.avg_pool2d(picture[None], factor, ceil_mode=True)[0]
