"""The numbers that a training leaves in its record, by the names that claims and sweeps use."""

from collections.abc import Mapping

from tunelab.evaluation.metrics import training_memory, training_size, training_time
from tunelab.evaluation.metrics.of_trainings import TrainingNumber

TRAINING_NUMBERS: Mapping[str, TrainingNumber] = {
    number.id: number
    for number in (
        training_size.PARAMETERS,
        training_size.SHARE,
        training_size.ON_DISK,
        training_size.BYTES,
        training_size.BYTES_SHARE,
        training_time.SECONDS,
        training_time.TO_BEST,
        training_time.OF_A_STEP,
        training_memory.PEAK,
    )
}
