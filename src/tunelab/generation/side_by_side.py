"""Ask models the same open prompts, and let each read the others' answers."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from tunelab.generation.comparison import OpenAnswer, Read
from tunelab.generation.likelihood import answer_likelihoods
from tunelab.generation.local_model import Answerer, LocalModel
from tunelab.generation.open_prompts import OpenPrompt
from tunelab.generation.outcome import Generation
from tunelab.generation.settings import GenerationSettings
from tunelab.prompts.prompting import Prompt


def ask_open(
    name: str,
    answerer: Answerer,
    prompts: Sequence[OpenPrompt],
    settings: GenerationSettings,
    temperatures: Sequence[float],
    *,
    system: str = "",
    keep: Callable[[OpenAnswer], None] = lambda answer: None,
    interrupt: Callable[[], bool] = lambda: False,
) -> list[OpenAnswer]:
    """Answer every prompt at every temperature; ``keep`` is called with each answer as it ends.

    A model without a template gets the prompt's text alone, as a base model would. At temperature
    0 one sample is as good as many. An answer that is interrupted is left out.

    Raises:
        UsageError: a prompt does not fit the context.
        EndpointError: an endpoint gave up; ``keep`` has had every answer that ended before.
    """
    asked = [as_prompt(answerer, prompt.text, system) for prompt in prompts]
    found = []
    for temperature in temperatures:
        samples = settings.samples if temperature else 1
        own = replace(settings, temperature=temperature, samples=samples)
        for step in answerer.stream(asked, own, interrupt=interrupt):
            if step.done is not None and step.done.ending != "interrupted":
                done = step.done
                answer = OpenAnswer(
                    model=name,
                    temperature=temperature,
                    prompt=prompts[step.prompt].id,
                    sample=step.sample,
                    text=done.text,
                    tokens=_tokens_of_text(done),
                    ending=done.ending,
                    first_token_seconds=done.first_token_seconds,
                    seconds_per_token=done.seconds_per_token,
                )
                keep(answer)
                found.append(answer)
    order = {prompt.id: position for position, prompt in enumerate(prompts)}
    return sorted(found, key=lambda one: (one.temperature, order[one.prompt], one.sample))


def _tokens_of_text(done: Generation) -> int:
    """The tokens of an answer without its stop token, which an endpoint does not list."""
    ended = done.ending == "stop token" and done.tokens and done.tokens[-1].id is not None
    return len(done.tokens) - bool(ended)


def as_prompt(answerer: Answerer, text: str, system: str = "") -> Prompt:
    """A question as a conversation, or as bare text for a model without a template."""
    if isinstance(answerer, LocalModel) and not answerer.tokenizer.chat_template:
        return f"{system}\n\n{text}" if system else text
    return [
        *([{"role": "system", "content": system}] if system else []),
        {"role": "user", "content": text},
    ]


def read_answers(
    name: str,
    reader: LocalModel,
    prompts: Sequence[OpenPrompt],
    answers: Sequence[OpenAnswer],
    *,
    system: str = "",
) -> list[Read]:
    """How likely a model finds answers; empty ones are left out."""
    texts = {prompt.id: prompt.text for prompt in prompts}
    asked = [as_prompt(reader, texts[answer.prompt], system) for answer in answers]
    likelihoods = answer_likelihoods(
        reader.model, reader.tokenizer, asked, [answer.text for answer in answers]
    )
    return [
        Read(
            reader=name,
            writer=answer.model,
            temperature=answer.temperature,
            prompt=answer.prompt,
            logprob=likelihood.logprob,
            tokens=likelihood.tokens,
            bytes=len(answer.text.encode("utf-8")),
        )
        for answer, likelihood in zip(answers, likelihoods, strict=True)
        if likelihood is not None
    ]
