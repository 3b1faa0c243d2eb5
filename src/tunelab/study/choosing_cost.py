"""What it costs to choose learning rates and epochs on the training rows, before it is done."""

from collections.abc import Mapping

from tunelab.classifiers.chosen_training import ChoosesTraining, describe_cost
from tunelab.config import Study
from tunelab.study.cell_list import estimators


def choosing_costs(study: Study, labels: Mapping[str, int]) -> list[str]:
    """A sentence for each classifier that chooses by trainings; ``labels`` counts training rows."""
    found = (
        describe_cost(name, one.candidate_count, labels, seeds=len(study.training.seeds))
        for name, one in estimators(study, seed=study.seed).items()
        if isinstance(one, ChoosesTraining)
    )
    return [sentence for sentence in found if sentence is not None]
