"""How well a segment of the bank fits a region of a layout, and which segments to take together."""
