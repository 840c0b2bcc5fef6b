"""Paste, fill and blend: who owns each canvas pixel, and what color it gets."""
