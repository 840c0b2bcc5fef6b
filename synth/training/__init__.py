"""Training of the three networks, on pinned snapshots alone."""
