"""The views as one page of HTML."""
