"""Methods: one file for each way to adapt a model.

A method's file holds ``Settings`` (its keys in a study), ``LEARNING_RATE`` (what it is trained
with unless a study says otherwise, or None for the study's own), ``WEIGHTS`` (the type that the
model's weights must have, or None for the device's own) and these functions:

``adapt(model, settings, instruction=())`` makes a model trainable; ``instruction`` holds the token
ids of the study's instruction, for methods that begin at real tokens. ``save(model, folder)`` and
``load(model, folder)`` keep and restore what was trained. ``merge(model)`` writes it into the
model's weights, or is None where it cannot be. ``count(shape, settings)`` is the number of
parameters from the model's shape alone, and refuses settings that the model cannot have.

The docstring of the file explains how the method works, what it trains and where it acts.
"""
