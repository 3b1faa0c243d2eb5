"""The study: what to do, as a YAML file and as data classes that check it.

Every key has a type, a default and a one-line description; the reference in the documentation is
generated from here. Names of models, methods and sources are resolved elsewhere, since that takes
the registry: see :mod:`tunelab.study.resolution`.
"""

from tunelab.config.answers import Evaluation, Generation, Mode
from tunelab.config.classifiers import AnswersWith, ClassifierEntry, MethodEntry, Models, Prompt
from tunelab.config.data import Data, Fault, Sample
from tunelab.config.judging import Budget, Claim, Constraints, DecisionSettings, ReviewSettings
from tunelab.config.study import Study, fingerprint, make_study, to_dict, to_yaml
from tunelab.config.training import ClassWeights, EarlyStopping, Sampling, Scheduler, Training
from tunelab.config.values import (
    Bytes,
    Candidate,
    Count,
    Integer,
    Number,
    Positive,
    Section,
    Size,
    Text,
)

__all__ = [
    "AnswersWith",
    "Budget",
    "Bytes",
    "Candidate",
    "Claim",
    "ClassWeights",
    "ClassifierEntry",
    "Constraints",
    "Count",
    "Data",
    "DecisionSettings",
    "EarlyStopping",
    "Evaluation",
    "Fault",
    "Generation",
    "Integer",
    "MethodEntry",
    "Mode",
    "Models",
    "Number",
    "Positive",
    "Prompt",
    "ReviewSettings",
    "Sample",
    "Sampling",
    "Scheduler",
    "Section",
    "Size",
    "Study",
    "Text",
    "Training",
    "fingerprint",
    "make_study",
    "to_dict",
    "to_yaml",
]
