"""Caffe networks as torch modules: load() a Sequential, or read() what a file says."""

from loadcaffe.netparameter import read
from loadcaffe.schema import CaffeFormatError
from loadcaffe.sequential import load

__all__ = ['CaffeFormatError', 'load', 'read']
