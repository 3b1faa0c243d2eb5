"""How likely a model finds each label after each prompt: log-probabilities, all in one pass.

log p(label | prompt) = Σ log p(token | prompt, the label's tokens before it), in nats. The prompt
of a row is run once and the labels hang from it as a tree (:mod:`tunelab.inference.token_trees`);
what all prompts begin with is run once for the whole list. The numbers are those of running each
prompt with each label alone, whatever the batches and the order of the rows, up to rounding.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from tunelab.guards.refusals import explain_errors, name_of
from tunelab.inference.embeddings import check_known
from tunelab.inference.head import output_at
from tunelab.inference.layer_list import begin_at, inputs_of
from tunelab.inference.token_trees import TreeBatch, build_continuations, build_tree_batch
from tunelab.inference.tree_reading import BATCH_TOKENS, cut_rows, read_prefix, read_trees
from tunelab.inference.trial import passes
from tunelab.progress import row_bar
from tunelab.prompts.shared_prefix import common_prefix

# Logits that are held at once: 256 MB in float32.
_LOGITS = 64 * 2**20

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LabelLikelihoods:
    """Each list has a row for each prompt and a column for each label.

    ``logprobs`` are sums over the label's tokens, in nats. ``forced`` says whether each token
    of the label is the most likely one of the whole vocabulary after the label's tokens before
    it: what a model gets right under teacher forcing. ``way`` is ``trees``, or ``plain`` where
    the model cannot run trees.
    """

    logprobs: list[list[float]]
    forced: list[list[bool]]
    way: str


class BelowBorder(Protocol):
    """Keeps hidden states of batches at the input of the layer ``border`` of ``layers``."""

    @property
    def layers(self) -> Sequence[Any]:
        """The layers of the model, in order."""

    @property
    def border(self) -> int:
        """The index of the first layer that an adapter changes."""

    def read(self, batch: object, tokens: int) -> Any:
        """The states (1, ``tokens``, hidden) of a batch, or None."""

    def keep(self, batch: object, states: Any) -> None:
        """Keep the states (1, T, hidden) of a batch."""


def score_labels(
    model: Any,
    prompts: Sequence[Sequence[int]],
    labels: Sequence[Sequence[int]],
    *,
    batch_tokens: int = BATCH_TOKENS,
    title: str = "scoring",
    progress: bool = True,
    below: BelowBorder | None = None,
) -> LabelLikelihoods:
    """Score every label, given as token ids, after every prompt, given as token ids.

    ``below`` keeps what the layers below an adapter come to; the numbers are the same bits with
    and without it.

    Raises:
        ValueError: a prompt or a label has no token, or there are no labels.
        UsageError: the model has no embedding for a token.
        RunError: the model cannot be run on text alone.
    """
    import torch

    if not labels or not all(labels) or not all(prompts):
        raise ValueError("a prompt or a label has no token")
    if not prompts:
        return LabelLikelihoods([], [], "trees")
    check_known(model, [*prompts, *labels])
    trees = _trees_work(model, prompts, labels)
    if not trees:
        _log.warning(
            "%s cannot score labels as a tree; each is run by itself, which is slower.",
            name_of(model),
        )
    if below is not None and not (trees and _begins_exactly(model, prompts, labels, below)):
        below = None
    way = partial(_score_trees, below=below) if trees else _score_plain
    logprobs: list[list[float]] = [[] for _ in prompts]
    forced: list[list[bool]] = [[] for _ in prompts]
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode(), row_bar(title, len(prompts), shown=progress) as bar:
            for rows, sums, hits in way(model, prompts, labels, batch_tokens):
                for row, values, flags in zip(rows, sums.tolist(), hits.tolist(), strict=True):
                    logprobs[row], forced[row] = values, flags
                bar.update(len(rows))
    finally:
        model.train(was_training)
    return LabelLikelihoods(logprobs, forced, "trees" if trees else "plain")


_Scored = tuple[Sequence[int], Any, Any]


def _score_trees(
    model: Any,
    prompts: Sequence[Sequence[int]],
    labels: Sequence[Sequence[int]],
    tokens: int,
    below: BelowBorder | None = None,
) -> Iterator[_Scored]:
    """Batches of prompt numbers with their sums and hits, each (B, labels)."""
    from tunelab.inference.tree_attention import tree_attention

    tree = build_continuations(labels)
    nodes = len(tree.ids)
    shared = common_prefix(prompts, [len(prompt) for prompt in prompts])
    order = sorted(range(len(prompts)), key=lambda row: (len(prompts[row]), tuple(prompts[row])))
    sizes = [len(prompts[row]) - shared + nodes for row in order]
    widest = max(1, _LOGITS // (_vocabulary(model) * (1 + nodes)))
    with tree_attention(model):
        prefix = read_prefix(model, prompts[0][:shared])
        for part in cut_rows(sizes, tokens, widest):
            rows = order[part]
            batch = build_tree_batch(
                [prompts[row][shared:] for row in rows],
                tree,
                device=model.device,
                prefix_length=shared,
                prefix=prefix,
            )
            known = tree.sequences, shared, tuple(tuple(prompts[row]) for row in rows)
            logits = _read_from(model, batch, below, known)
            yield rows, *_read(logits.view(len(rows), 1 + nodes, -1), labels, tree.indices)


def _read_from(model: Any, batch: TreeBatch, below: BelowBorder | None, known: object) -> Any:
    """As :func:`read_trees`, from the states that are kept of a batch where there are some."""
    if below is None:
        return read_trees(model, batch)
    states = below.read(known, batch.ids.shape[1])
    if states is not None:
        with begin_at(below.layers, below.border, states.to(batch.ids.device)):
            return read_trees(model, batch)
    with inputs_of(below.layers, below.border) as seen:
        logits = read_trees(model, batch)
    below.keep(known, seen[0])
    return logits


def _begins_exactly(
    model: Any,
    prompts: Sequence[Sequence[int]],
    labels: Sequence[Sequence[int]],
    below: BelowBorder,
) -> bool:
    """Whether a model that begins at the border gives the bits of the whole one: seen by both."""
    import torch

    from tunelab.inference.tree_attention import tree_attention

    tree, shortest = build_continuations(labels), min(prompts, key=len)

    def same_bits() -> bool:
        batch = build_tree_batch([shortest], tree, device=model.device)
        with tree_attention(model):
            with inputs_of(below.layers, below.border) as seen:
                expected = read_trees(model, batch)
            with begin_at(below.layers, below.border, seen[0]):
                return torch.equal(read_trees(model, batch), expected)

    return passes(model, same_bits)


def _read(logits: Any, labels: Sequence[Sequence[int]], positions: Sequence[Sequence[int]]) -> Any:
    """Sums and hits, each (B, labels), of logits (B, 1 + N, vocabulary)."""
    import torch

    logits = logits.float()
    normalizers, best = torch.logsumexp(logits, -1), logits.argmax(-1)
    sums, hits = [], []
    for label, before in zip(labels, positions, strict=True):
        nodes = torch.tensor(before, device=logits.device) + 1
        tokens = torch.tensor(list(label), device=logits.device)
        chosen = logits[:, nodes, tokens] - normalizers[:, nodes]
        # Summed in double precision: the order of the terms then leaves no trace.
        sums.append(chosen.double().sum(1))
        hits.append((best[:, nodes] == tokens).all(1))
    return torch.stack(sums, 1), torch.stack(hits, 1)


def _score_plain(
    model: Any, prompts: Sequence[Sequence[int]], labels: Sequence[Sequence[int]], tokens: int
) -> Iterator[_Scored]:
    """As :func:`_score_trees`, every prompt with every label in full, padded on the right.

    Raises:
        RunError: the model cannot be run so either.
    """
    import torch

    refused = f"{name_of(model)} cannot be run on a prompt", "choose another model"
    for row, prompt in enumerate(prompts):
        sums, hits = [], []
        for label in labels:
            ids = torch.tensor([[*prompt, *label[:-1]]], device=model.device)
            asked = torch.arange(len(label), device=model.device) + len(prompt) - 1
            with explain_errors(*refused), output_at(model, asked):
                logits = model(input_ids=ids, use_cache=False).logits
            total, hit = _read(logits, [label], [range(-1, len(label) - 1)])
            sums.append(total)
            hits.append(hit)
        yield [row], torch.cat(sums, 1), torch.cat(hits, 1)


def _trees_work(
    model: Any, prompts: Sequence[Sequence[int]], labels: Sequence[Sequence[int]]
) -> bool:
    """Whether a model scores trees as it scores full sequences: seen by doing both.

    It does not where it keeps state other than keys and values, brings attention of its own, or
    measures distance otherwise than by positions.
    """
    import torch

    shortest = sorted(prompts, key=len)
    trial = [shortest[0], shortest[min(1, len(shortest) - 1)][:-1] or shortest[0]]
    # A longer row, so that a token that looked into another row would show.
    trial.append([*trial[0], *trial[0][1:]])
    some = sorted(labels, key=len)[-2:]

    def trees_as_plain() -> bool:
        found = _in_order(_score_trees(model, trial, some, BATCH_TOKENS))
        expected = _in_order(_score_plain(model, trial, some, BATCH_TOKENS))
        allowed = 1e-3 if model.dtype == torch.float32 else 0.5
        return bool((found - expected).abs().max() <= allowed * max(map(len, some)))

    return passes(model, trees_as_plain)


def _in_order(scored: Iterator[_Scored]) -> Any:
    import torch

    pairs = [(row, line) for rows, sums, _ in scored for row, line in zip(rows, sums, strict=True)]
    return torch.stack([line for _, line in sorted(pairs, key=lambda pair: pair[0])])


def _vocabulary(model: Any) -> int:
    return int(model.get_output_embeddings().weight.shape[0])
