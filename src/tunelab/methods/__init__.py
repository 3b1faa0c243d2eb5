"""Methods: one file for each way to adapt a model.

A method's file holds ``Settings`` (its keys in a study), ``LEARNING_RATE`` (what it is trained
with unless a study says otherwise, or None for the study's own), ``WEIGHTS`` (the type that the
model's weights must have, or None for the device's own) and three functions: ``adapt`` makes a
model trainable, ``save`` and ``load`` keep and restore what was trained. Its docstring explains
how it works.
"""
