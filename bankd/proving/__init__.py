"""What a stranger needs to check composites without the bank, and whom to believe."""
