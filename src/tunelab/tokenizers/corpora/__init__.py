"""The texts that come with the laboratory; README.md beside them says how they were made."""
