"""The restless problems, one to a file."""
