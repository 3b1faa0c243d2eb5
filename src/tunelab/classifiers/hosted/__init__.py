"""A model behind an OpenAI-compatible chat endpoint as a classifier of a study."""
