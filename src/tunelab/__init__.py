"""tunelab: from labelled text to a fine-tuned model that is compared with evidence."""

__version__ = "0.1.0"
