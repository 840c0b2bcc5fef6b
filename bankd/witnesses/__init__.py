"""Who keeps checkpoints of the log outside of the bank, and how they are told."""
