"""What is fetched, and the rows that come of it."""
