"""Semi-parametric image synthesis: pictures from segments, with no knowledge of a bank."""
