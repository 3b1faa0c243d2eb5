"""The verdicts of a run: judged once, kept in the run folder, and read by whoever shows them."""

from tunelab.config import fingerprint, make_study
from tunelab.evaluation.verdicts import Verdicts, read_verdicts
from tunelab.runs.run_folder import RunFolder, once
from tunelab.runs.verdicts import VERDICTS
from tunelab.study.judging.claims import judge_claims
from tunelab.study.judging.exploratory import explore
from tunelab.study.judging.kept import Kept
from tunelab.study.judging.slices import judge_slices

# Part of the key: raised when the judge comes to other verdicts than before.
_FORMAT = 1


def judge(run: RunFolder) -> Verdicts:
    """Judge a run, whatever was kept of it: its claims are one family of tests, each fine-tuned
    model against every other is another, and each part of the rows against the rest a third. Each
    is corrected in itself.

    Raises:
        RunError: a file that it reads is damaged.
    """
    study = make_study(run.study)
    comparisons, methods = explore(run)
    return Verdicts(
        tuple(judge_claims(run, study)),
        tuple(comparisons),
        tuple(methods),
        tuple(judge_slices(run, study)),
    )


def judge_run(run: RunFolder) -> Verdicts:
    """The last stage of a study: judge, and keep the verdicts, unless they are there.

    Raises:
        RunError: a file that it reads is damaged, or the folder cannot be written.
    """
    return _KEPT.load_or_find(run, must_be_kept=True)


@once
def verdicts_of(run: RunFolder) -> Verdicts:
    """The verdicts that a run keeps.

    Where it keeps none, as an older version of tunelab wrote it or it was interrupted, or where
    they are damaged or of other claims, it is judged now; where the folder can be written, it
    keeps what was found.

    Raises:
        RunError: a file that the judge reads is damaged.
    """
    return _KEPT.load_or_find(run, must_be_kept=False)


def kept_verdicts(run: RunFolder) -> Verdicts | None:
    """The verdicts that a run keeps, or None where it would have to be judged first."""
    return _KEPT.load(run)


def _key(run: RunFolder) -> str:
    """The hash of all that decides the verdicts: the stages that are read, and what is asked."""
    study = make_study(run.study)
    stages = [*run.evaluated, *run.trained, *run.tokenized, *run.generated]
    return fingerprint(
        {
            "format": _FORMAT,
            "claims": [claim.model_dump() for claim in study.claims],
            "claims_before": run.claims_before,
            "models": study.models.model_dump(),
            "seed": study.seed,
            "resamples": study.evaluation.resamples,
            # Only where there are some: verdicts of a run without slices stay as they are.
            **(
                {"slices": study.data.slices, "metric": study.decision.metric}
                if study.data.slices
                else {}
            ),
            # A training that was done anew has its key, and other times.
            "stages": [
                [result.stage, result.name, result.hash, result.values, result.files]
                for result in stages
            ],
        }
    )


_KEPT = Kept(VERDICTS, _key, judge, read_verdicts)
