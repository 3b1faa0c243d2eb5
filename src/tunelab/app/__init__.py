"""The web pages: `tunelab app`."""
