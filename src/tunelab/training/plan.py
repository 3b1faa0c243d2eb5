"""How the rows of a training become batches: packed or padded, behind a prefix or not."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tunelab.config import Training
from tunelab.inference.embeddings import check_known
from tunelab.prompts.encoding import EncodedExample
from tunelab.prompts.shared_prefix import common_prefix
from tunelab.training.processes import shards_weights

if TYPE_CHECKING:
    from tunelab.training.border_states import BorderStates
    from tunelab.training.ordering import TokenBatches

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BatchPlan:
    """``batches`` counts those of an epoch; ``by_tokens`` divides its rows, if tokens do.

    ``collator`` makes a batch of rows: what the objective's ``logits`` takes, and besides
    ``labels`` (1, 1 + N), the N targets behind one −100, and ``rows`` (N,), the row of each;
    ``weights`` (N,), what each weighs in the loss, where not all weigh 1.
    ``prefix`` is how many tokens all rows share and a batch runs once; ``tokens_a_batch`` is the
    mean, padding not counted. Where a method trains the top layers alone, ``states`` gives what
    comes out of those below, or ``whole_model`` records why every batch runs them too.
    """

    packed: bool
    prefix: int
    batches: int
    by_tokens: "TokenBatches | None"
    tokens_a_batch: float
    collator: Callable[[Sequence[Any]], dict[str, Any]]
    states: "BorderStates | None" = None
    whole_model: dict[str, Any] | None = None


def plan_batches(
    model: Any,
    train_rows: Sequence[EncodedExample],
    validation_rows: Sequence[EncodedExample],
    options: Training,
    *,
    pad_token: int,
    seed: int,
) -> BatchPlan:
    """Decide how rows are run; warns where this model's rows cannot be packed.

    Padded rows take ``pad_token``.

    Raises:
        UsageError: ``options.batch_tokens`` is too small for the rows, or the model has no
            embedding for one of their tokens.
    """
    from tunelab.inference.packed_attention import packing_works
    from tunelab.training.batching import PackedCollator, PaddedCollator, run_ids
    from tunelab.training.border_states import StatesCollator, border_states
    from tunelab.training.ordering import TokenBatches

    rows = [*train_rows, *validation_rows]
    check_known(model, [row.ids for row in rows])
    packed = options.packing and packing_works(model, [row.ids for row in rows])
    if options.packing and not packed:
        _log.warning("rows cannot be packed with this model; each is run in full, with padding.")
    prefix = 0
    if packed and options.shared_prefix:
        prefix = common_prefix([row.ids for row in rows], [row.prompt_length for row in rows])
    lengths = [len(row.ids) for row in train_rows]
    by_tokens = None
    batches = math.ceil(len(lengths) / options.batch_size)
    if options.batch_tokens is not None:
        by_tokens = TokenBatches(lengths, options.batch_tokens, prefix, seed)
        batches = len(by_tokens)
    # A packed batch leaves out the last token of each row.
    states, whole_model = border_states(
        model, [run_ids(row) for row in rows], prefix, packed=packed, sharded=shards_weights()
    )
    collator: Any = PackedCollator(prefix) if packed else PaddedCollator(pad_token)
    if states is not None:
        collator = StatesCollator(collator, run_ids, states)
    own = sum(lengths) - (prefix + packed) * len(lengths)
    return BatchPlan(
        packed=packed,
        prefix=prefix,
        batches=batches,
        by_tokens=by_tokens,
        tokens_a_batch=prefix + own / batches,
        collator=collator,
        states=states,
        whole_model=whole_model,
    )
