"""Uses that happened: publications of what was handed out."""
