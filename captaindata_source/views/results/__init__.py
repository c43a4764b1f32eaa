"""Views and tables of results, with a column for each field that they hold."""
