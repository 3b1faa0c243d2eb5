"""The label budget of a study: its trainings on nested draws of several sizes."""
