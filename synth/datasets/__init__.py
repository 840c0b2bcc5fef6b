"""Datasets as they lie on disk, turned photo by photo into the folder form that a bank ingests.

Readers know the official folder trees and file formats, and the classes with
what the house calls them. They read through a `Tree`, one photo at a time,
and know nothing of a bank; what a photo's license means is not theirs to say.
"""
