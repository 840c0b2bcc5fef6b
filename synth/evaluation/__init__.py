"""Measures pictures against real photos: realism, faithfulness to the layout, seams, copies; each with an interval."""
