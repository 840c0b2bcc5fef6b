"""What ends soon: terms, releases, deny holds and embargoes, and who is told of it."""
