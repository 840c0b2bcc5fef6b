"""Notices to people and programs: stored with what they tell of, sent at least once."""
