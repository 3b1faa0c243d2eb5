"""Which of several things nothing else beats: the Pareto front of a cost and a score."""

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """The places of the points ``(cost, score)`` on the front, from the lowest cost up.

    A point is on it where no other has a cost as low and a score as high, and one of them better.
    """

    def beaten(place: int) -> bool:
        cost, score = points[place]
        return any(
            other[0] <= cost and other[1] >= score and other != (cost, score) for other in points
        )

    kept = [place for place in range(len(points)) if not beaten(place)]
    return sorted(kept, key=lambda place: points[place])
