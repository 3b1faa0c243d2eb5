"""Write a card beside every classifier of a study."""

from collections.abc import Sequence
from pathlib import Path

from tunelab.classifiers.stored import ADAPTER, FORMAT
from tunelab.config import Study
from tunelab.evaluation.decisions import Decision
from tunelab.evaluation.review.record import Reviews
from tunelab.evaluation.verdicts import Verdicts
from tunelab.runs.results import ADAPTER_RECORD, FITTED, Result, read_json, write_text
from tunelab.serving.card_facts import fact_rows
from tunelab.serving.classifier_card import make_classifier_card
from tunelab.serving.model_card import make_card

CARD = "README.md"


def write_cards(
    study: Study,
    out: Path,
    prepared: Result,
    results: Sequence[Result],
    verdicts: Verdicts | None = None,
    decision: Decision | None = None,
    reviews: Reviews | None = None,
) -> list[Path]:
    """Write a card beside every classifier that was fitted, with the scores in ``results``.

    ``verdicts``, ``decision`` and ``reviews`` are the run's, None before it was judged.
    """
    environment = read_json(out / "environment.json")
    evaluated = [result for result in results if result.stage == "evaluate"]
    written = []
    for trained in (result for result in results if result.stage == "train"):
        places = (out / name / trained.name for name in FITTED)
        folder = next((one for one in places if (one / ADAPTER_RECORD).is_file()), None)
        if folder is None:
            continue
        record = read_json(folder / ADAPTER_RECORD)
        write = make_card if record.get(FORMAT, ADAPTER) == ADAPTER else make_classifier_card
        text = write(
            study,
            prepared,
            trained,
            evaluated,
            facts=fact_rows(trained.name, results),
            environment=environment,
            record=record,
            verdicts=verdicts,
            decision=decision,
            reviews=reviews,
        )
        write_text(folder / CARD, text)
        written.append(folder / CARD)
    return written
