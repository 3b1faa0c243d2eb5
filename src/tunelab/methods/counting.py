"""How many parameters a method trains, from the shape of a model alone."""

from dataclasses import dataclass

from tunelab.models.description import ModelShape


@dataclass(frozen=True)
class ParameterCount:
    """Trainable parameters, and all of the adapted model's; tied weights count once."""

    trainable: int
    total: int

    @property
    def share(self) -> float:
        """Trainable parameters as a part of all, from 0 to 1."""
        return self.trainable / self.total


def added(shape: ModelShape, trainable: int) -> ParameterCount:
    """The count of a method that freezes the model and adds what it trains."""
    return ParameterCount(trainable, shape.parameters + trainable)
