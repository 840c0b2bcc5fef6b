"""Where a segment goes: the affine from canvas to crop."""
