"""Open a model, ask models open prompts, and play conversations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tunelab.api.tables import as_html, as_text, frame
from tunelab.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from tunelab.generation.local_model import Answerer
    from tunelab.generation.play import Played
    from tunelab.generation.settings import GenerationSettings


def open_model(
    model: str | Path, *, template: str = "own", device: str = "auto", precision: str = "auto"
) -> "Answerer":
    """Load a model that answers prompts.

    ``model`` is a name that tunelab knows, a folder, owner/name on the Hub, or an endpoint as
    ``http://HOST:PORT/v1#MODEL``. ``template`` is the chat template: own, none, or one of
    tunelab's, such as chatml.

    What is returned has ``answer(prompts, settings)``, which gives the answers as
    (prompts, samples), and ``stream``, which gives them as they are written. A prompt is a text,
    or a list of messages ``{"role": …, "content": …}``. A model of this machine has
    ``with_template(name)`` and ``view_prompt(messages)`` too.

    Raises:
        UsageError: the model, the template or the device is unknown.
        RunError: the model cannot be loaded.
    """
    from tunelab.generation.local_model import open_answerer
    from tunelab.models.device import pick_device, pick_dtype

    chosen = pick_device(device)
    return open_answerer(
        str(model), template=template, device=chosen, dtype=pick_dtype(precision, chosen)
    )


@dataclass(frozen=True)
class OpenAnswers:
    """What models answered to open prompts, and how the answers compare.

    ``answers``: a row for each answer, with its model, temperature, prompt, sample, text, tokens
    and ending. ``measures``: a row for each model, temperature and measure, with the mean over
    prompts, its 95 % interval, and the reason where it is undefined or known in part.
    ``prompts``: a row for each prompt with its id and text.
    """

    answers: "pd.DataFrame"
    measures: "pd.DataFrame"
    prompts: "pd.DataFrame" = field(repr=False)

    def value(self, model: str, temperature: float, measure: str) -> float | None:
        """A measure of a model at a temperature, by its id, such as open_tokens.

        Raises:
            UsageError: there is no such row.
        """
        table = self.measures
        of = (table["model"] == model) & (table["measure"] == measure)
        found = table[of & (table["temperature"] == temperature)]["value"]
        if found.empty:
            raise UsageError(f"there is no measure {measure!r} of {model!r} at {temperature}.")
        value = found.dropna()
        return None if value.empty else float(value.iloc[0])

    def __repr__(self) -> str:
        """The measures as a table of text."""
        return as_text(self.measures)

    def _repr_html_(self) -> str:
        return as_html(self.measures)


def ask(
    models: "Mapping[str, Answerer]",
    prompts: str | Path | Sequence[str] = "checkable",
    *,
    settings: "GenerationSettings | None" = None,
    temperatures: Sequence[float] = (0.0,),
    system: str = "",
    most: int | None = None,
) -> OpenAnswers:
    """Ask models the same open prompts, and measure the answers.

    ``models``: opened models by the names that the results use. ``prompts``: checkable, which
    comes with tunelab and whose answers a rule can check, a file of prompts, or texts; the first
    ``most`` of them are asked. ``settings.samples`` answers are drawn at each temperature above 0.

    Raises:
        UsageError: a prompt or a setting cannot be used, or a prompt does not fit the context.
        RunError: an endpoint failed.
    """
    from tunelab.generation.comparison import MEASURES, compare_open
    from tunelab.generation.open_prompts import plain_prompts, read_prompts
    from tunelab.generation.settings import GenerationSettings
    from tunelab.generation.side_by_side import ask_open

    if isinstance(prompts, str | Path):
        asked = read_prompts(str(prompts))[:most]
    else:
        asked = plain_prompts(prompts)[:most]
    answers = [
        answer
        for name, model in models.items()
        for answer in ask_open(
            name, model, asked, settings or GenerationSettings(), temperatures, system=system
        )
    ]
    measures = [
        {
            "model": row["model"],
            "temperature": row["temperature"],
            "measure": name,
            "title": title,
            **{key: row[name][key] for key in ("value", "low", "high", "reason")},
        }
        for row in compare_open(asked, answers)
        for name, (title, _) in MEASURES.items()
    ]
    import pandas as pd

    return OpenAnswers(
        answers=pd.DataFrame([answer.to_dict() for answer in answers]),
        measures=frame(measures, ("model", "temperature", "measure", "value")),
        prompts=pd.DataFrame([{"id": one.id, "text": one.text} for one in asked]),
    )


def play(
    conversation: str | Path,
    model: "Answerer",
    *,
    settings: "GenerationSettings | None" = None,
    template: str = "own",
    further: int | None = None,
) -> "Played":
    """Let a model speak the open lines of a conversation: math-teacher, two-experts or a file.

    ``further``: turns after the last one of the file, as many as it says by default.
    ``str()`` of the result is the conversation as text, ``lines`` are its lines, and
    ``consistency`` is the mean share of a persona's rules that the played lines keep.

    Raises:
        UsageError: there is no such conversation, or its first line does not fit the context.
    """
    from tunelab.generation.conversation_file import read_conversation
    from tunelab.generation.local_model import LocalModel
    from tunelab.generation.play import play as play_turns
    from tunelab.generation.settings import GenerationSettings

    return play_turns(
        read_conversation(str(conversation)),
        model.with_template(template) if isinstance(model, LocalModel) else model,
        settings or GenerationSettings(),
        template=template,
        further=further,
    )
