"""What pictures look like, as hashes that survive re-encoding: pure, and without a memory of any picture."""
