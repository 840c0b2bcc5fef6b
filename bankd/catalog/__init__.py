"""Photos, their segments and descriptors, the categories they are cut by, and what may not come back."""
