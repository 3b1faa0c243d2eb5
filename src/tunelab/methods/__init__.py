"""Methods: one file for each way to adapt a model, which ends with its ``METHOD``.

What the rest of tunelab asks of a method is in :mod:`tunelab.methods.contract`; the docstring
of a method's file explains how it works, what it trains and where it acts.
"""
