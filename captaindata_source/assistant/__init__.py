"""Read-only tools for an assistant, over the Model Context Protocol."""
