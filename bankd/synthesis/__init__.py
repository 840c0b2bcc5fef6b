"""Requests: filed, cleared, ordered, sealed, handed out."""
