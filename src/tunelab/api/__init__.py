"""The front door for Python: what `import tunelab` offers."""
