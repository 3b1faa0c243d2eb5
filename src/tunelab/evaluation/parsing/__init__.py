"""Parsing: from the text of an answer to the label that it gives."""
