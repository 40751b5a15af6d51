"""Caffe networks as torch modules: load() a Sequential, or read() what a file says."""

from loadcaffe.formats.detection import read
from loadcaffe.formats.schema import CaffeFormatError
from loadcaffe.loading import load

__all__ = ['CaffeFormatError', 'load', 'read']
