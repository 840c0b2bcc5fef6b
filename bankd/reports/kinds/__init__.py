"""The kinds of reports."""
