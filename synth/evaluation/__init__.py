"""Measures pictures against real photos: realism, faithfulness, seams, copies; each with an interval."""
