"""Warn of layers that are left out, and of fields and weights that are not used, a line each."""

import logging
from collections.abc import Iterable

from loadcaffe.formats.netparameter import Layer, NetParameter
from loadcaffe.formats.schema import CaffeFormatError, shorten
from loadcaffe.layers import blob_count
from loadcaffe.layers.convolution import is_bilinear

log = logging.getLogger('loadcaffe')


def tell_left_out(
    net: NetParameter, layers: list[Layer], errors: Iterable[CaffeFormatError]
) -> None:
    if layers:
        reasons = list(dict.fromkeys(map(str, errors)))
        more = f'; and {len(reasons) - 1} more like it' if len(reasons) > 1 else ''
        log.warning('%s: left out: %s: %s%s', net.path, list_names(layers), reasons[0], more)


def tell_unused(net: NetParameter, layers: list[Layer]) -> None:
    """Tell what a file gives layers, and Caffe's layers of these types do not have."""
    surplus = [layer for layer in layers if len(layer.blobs) > blob_count(layer)]
    if surplus:
        log.warning(
            '%s: not used: weights of %s, whose types have none', net.path, list_names(surplus)
        )
    ignored = [layer for layer in layers if layer.ignored_fields]
    if ignored:
        fields = ', '.join(dict.fromkeys(ignored[0].ignored_fields[:3]))
        log.warning('%s: not known and not used: %s of %s', net.path, fields, list_names(ignored))
    filled = [layer for layer in layers if not layer.blobs and is_bilinear(layer)]
    if filled:
        log.warning(
            '%s: without weights and therefore bilinear, as their fillers say: %s',
            net.path,
            list_names(filled),
        )


def list_names(layers: list[Layer]) -> str:
    """Name the first three layers, and count the others."""
    names = ', '.join(repr(shorten(layer.name, 60)) for layer in layers[:3])
    return names + (f' and {len(layers) - 3} more' if len(layers) > 3 else '')
