"""What was placed in a composite, said exactly, signed, and checked again on a bare file."""
