"""The metrics of a model's answers, one file each, and the table of scores that reports show."""

from tunelab.evaluation.metrics.contract import Answered as Answered
from tunelab.evaluation.metrics.contract import Metric as Metric
from tunelab.evaluation.metrics.contract import Resampling as Resampling
from tunelab.evaluation.metrics.registered import all_metrics as all_metrics
from tunelab.evaluation.metrics.registered import find_metric as find_metric
from tunelab.evaluation.metrics.scores import ClassScore as ClassScore
from tunelab.evaluation.metrics.scores import Scores as Scores
from tunelab.evaluation.metrics.scores import score as score
from tunelab.evaluation.metrics.scores import wilson_interval as wilson_interval
