"""Reports that can be filed."""
