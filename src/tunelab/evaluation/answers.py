"""The parser of answers, by the name that it had in version 0.1, so that scripts go on working."""

from tunelab.evaluation.parsing.answers import ParsedAnswer, parse_answer

__all__ = ["ParsedAnswer", "parse_answer"]
