"""The learned parts: alignment, order and refinement, their perceptual loss, and their checkpoints."""
