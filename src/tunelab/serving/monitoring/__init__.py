"""What a classifier in use answered, from the logs of ``serve`` and the files of ``predict``."""
