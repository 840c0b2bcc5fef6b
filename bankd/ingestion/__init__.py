"""Taking photos in: decode, read embedded rights, cut, describe, store; a state for each photo of a batch."""
