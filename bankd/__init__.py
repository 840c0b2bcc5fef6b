"""A memory bank of photo segments governed by rights."""

__version__ = "0.1.0"
