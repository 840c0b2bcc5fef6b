"""Erasure: what leaves the bank for good, what is kept in spite of it and why, and a certificate of both."""
