"""The texts that come with the laboratory; README.md beside them tells how they were made."""
