"""The command line: one file for each verb, each around a plain function of the same name."""
