"""The destination: what it holds, and how it is reached."""
