"""What a withdrawal touches: withdrawing itself, and everything that was made from what is withdrawn."""
