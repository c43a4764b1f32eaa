"""Views and results as files."""
