"""Taking photos in: decode, read embedded rights, cut, describe, store; one state for each photo of a batch."""
