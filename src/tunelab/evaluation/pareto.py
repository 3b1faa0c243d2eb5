"""Which of several things nothing else beats: the Pareto front."""

from collections.abc import Sequence


def pareto_front(points: Sequence[Sequence[float]]) -> list[int]:
    """The indices of the points on the front; lower numbers are better.

    A point is on it where no other is as low in all and lower in one.
    """

    def beaten(point: Sequence[float]) -> bool:
        return any(
            all(a <= b for a, b in zip(other, point, strict=True)) and tuple(other) != tuple(point)
            for other in points
        )

    return [position for position, point in enumerate(points) if not beaten(point)]
