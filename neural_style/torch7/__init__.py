"""Torch7's behaviour, bit for bit: command line, random numbers, images, optimisers, printing."""
