"""How methods that are easily confused differ."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Contrast:
    """Methods that are set against each other, and the paragraphs that do so."""

    title: str
    methods: tuple[str, ...]
    paragraphs: tuple[str, ...]


CONTRASTS = (
    Contrast(
        "IA3 against LoRA",
        ("lora", "rslora", "dora", "ia3"),
        (
            "LoRA adds to what a layer answers. B A x is a vector of its own, in any of r "
            "directions that training chooses, so that the layer can answer what it never "
            "answered before. IA3 multiplies what is there: each number of the keys, the values "
            "and the MLP's inside is turned up or down, and none of them turns into another.",
            "So IA3 trains one number where LoRA trains r for each input and output, which makes "
            "it the smaller by far, and asks for a higher learning rate, as each of its numbers "
            "must move far from one. It does well where the frozen model has the features that "
            "the task needs, and falls behind where they have to be made. Both begin at the model "
            "as it was, and both can be merged into the weights, so that neither costs anything "
            "when the model is used.",
        ),
    ),
    Contrast(
        "The three soft prompts against each other",
        ("prompt_tuning", "p_tuning", "prefix_tuning"),
        (
            "All three leave every layer frozen and put something trained before each row. Prompt "
            "tuning trains the embeddings of virtual tokens themselves. P-tuning trains a network "
            "that makes those embeddings and is then dropped: what is kept, and what the model "
            "sees, is of the same kind, and only the way there differs. Prefix tuning trains keys "
            "and values in every block, so that each layer is steered by itself and not through "
            "all the layers below it.",
            "With the default settings prompt tuning trains the fewest numbers and P-tuning the "
            "most, although both leave the same few behind; prefix tuning stands between them "
            "and reaches deeper. None of them can be merged, and each takes its virtual tokens "
            "from the room that a row has. All depend on where they begin: random vectors "
            "are unlike anything that the frozen layers know.",
        ),
    ),
)
