"""The front door for Python: what `import tunelab` offers, each function in a module of its own."""
