"""Which segment lies in front."""
