"""Invisible watermarks: a 64-bit mark in the pixels themselves, read back from copies of copies."""
