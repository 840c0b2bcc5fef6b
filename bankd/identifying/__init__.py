"""Which composite, or which handout, a picture without its papers is."""
