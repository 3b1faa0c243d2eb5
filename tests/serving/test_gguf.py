"""Models in GGUF: llama.cpp computes the same logits, and makes the same token ids."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from conftest import CHATML, LABELS, build_model, build_tokenizer
from tunelab.errors import UsageError
from tunelab.prompts.bounded_template import render_template
from tunelab.prompts.conversation import PLAIN_ANSWER, PLAIN_TEMPLATE, make_format
from tunelab.prompts.encoding import Encoder
from tunelab.serving.formats.gguf import _modelfile, fixed_template, write_gguf
from tunelab.serving.gguf_vocabulary import read_vocabulary
from tunelab.serving.gguf_weights import FAMILIES, TYPES, family_of
from tunelab.serving.own_runtime import run_code

SYSTEM, TEXT = "One of {labels}.", "We won the game, 42 times! 😀 سلام"


def _encoder(tokenizer: Any, style: str = "chat") -> Encoder:
    format = make_format(tokenizer, system=SYSTEM, labels=LABELS, style=style, max_length=256)
    return Encoder(tokenizer, format)


def _pieces() -> Any:
    """A tokenizer like that of SentencePiece: pieces, bytes for what is unknown, a BOS."""
    from tokenizers import Tokenizer, decoders, models, normalizers, processors
    from transformers import PreTrainedTokenizerFast

    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    merges = [("▁", "w"), ("▁w", "e"), ("o", "n"), ("▁", "g"), ("a", "m"), ("▁g", "am")]
    letters = "▁abcdefghijklmnopqrstuvwxyzWOTL.,!:"
    tokens += ["".join(pair) for pair in merges] + list(letters)
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    backend = Tokenizer(
        models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    backend.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    backend.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback()])
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<unk>",
    )


# Of each file in order: the ids of a prompt, and the log-probabilities after them.
CODE = """
import json
from pathlib import Path
from urllib.request import Request, urlopen

import xllamacpp

asked = json.loads(Path("asked.json").read_text(encoding="utf-8"))


def classify(names):
    return [(None, None, json.dumps(look(asked[name], name))) for name in names]


def look(one, name):
    params = xllamacpp.CommonParams()
    params.model.path = name
    params.n_ctx = 512
    params.n_parallel = 1
    params.warmup = False
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = 1
    server = xllamacpp.Server(params)

    def post(path, value):
        body = json.dumps(value).encode()
        request = Request(server.listening_address + path, body)
        request.add_header("Content-Type", "application/json")
        return json.load(urlopen(request))

    text = one["text"]
    if one["messages"]:
        text = post("/apply-template", {"messages": one["messages"]})["prompt"]
    tokens = post("/tokenize", {"content": text, "add_special": True, "parse_special": True})
    found = post(
        "/completion",
        {
            "prompt": one["ids"],
            "n_predict": 1,
            "temperature": 0,
            "n_probs": one["vocabulary"],
            # A token that is no whole character would be held back.
            "logit_bias": [[number, -1e9] for number in range(one["held_back"])],
        },
    )
    rows = found["completion_probabilities"][0]["top_logprobs"]
    return {"ids": tokens["tokens"], "logprobs": {row["id"]: row["logprob"] for row in rows}}
"""


def test_every_family_has_its_logits_and_its_ids_in_llama_cpp(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    asked: dict[str, Any] = {}
    expected: dict[str, tuple[list[int], Any]] = {}
    for name in ("llama", "mistral", "phi3", "gemma3", "qwen2", "qwen3", "pieces"):
        pieces = name == "pieces"
        tokenizer = _pieces() if pieces else build_tokenizer()
        encoder = _encoder(tokenizer, "plain" if pieces else "chat")
        model = _model(name, len(tokenizer))
        ids = list(encoder.prompt(TEXT).ids)
        file = f"{name}.gguf"
        write_gguf(model, encoder, tmp_path / file, "f32")
        system = encoder.format.system
        asked[file] = {
            "text": "".join(piece.text for piece in encoder.pieces(TEXT)),
            "messages": []
            if pieces
            else [{"role": "system", "content": system}, {"role": "user", "content": TEXT}],
            "ids": ids,
            "vocabulary": len(tokenizer),
            "held_back": 262,
        }
        with torch.inference_mode():
            logits = model(torch.tensor([ids])).logits[0, -1]
        expected[file] = ids, logits.log_softmax(-1)
    (tmp_path / "asked.json").write_text(json.dumps(asked), encoding="utf-8")
    found = run_code(tmp_path, CODE, list(asked), singles=0)
    assert found.answers is not None
    for file, answer in zip(asked, found.answers, strict=True):
        read, (ids, logprobs) = json.loads(answer), expected[file]
        assert read["ids"] == ids, file
        assert len(read["logprobs"]) > 50
        # llama.cpp keeps keys and values in 16 bits.
        worst = max(abs(float(logprobs[int(at)]) - value) for at, value in read["logprobs"].items())
        assert worst < 0.02, file
        assert float(logprobs.max() - logprobs.median()) > 0.5


def _model(name: str, vocabulary: int) -> Any:
    if name == "qwen2":
        from transformers import AutoModelForCausalLM, Qwen2Config

        shape = {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
        }
        torch.manual_seed(0)
        config = Qwen2Config(vocab_size=vocabulary, num_key_value_heads=2, **shape)
        model = AutoModelForCausalLM.from_config(config).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
        return model
    return build_model("llama" if name == "pieces" else name, vocabulary)


@pytest.mark.parametrize("type", TYPES)
def test_types_of_weights_are_read_back(type: str, tmp_path: Path) -> None:
    from gguf import GGUFReader
    from gguf.quants import dequantize

    tokenizer, model = build_tokenizer(), build_model("qwen3")
    write_gguf(model, _encoder(tokenizer), tmp_path / "model.gguf", type)
    read = {one.name: one for one in GGUFReader(tmp_path / "model.gguf").tensors}
    given = model.state_dict()["model.layers.0.mlp.up_proj.weight"].numpy()
    one = read["blk.0.ffn_up.weight"]
    assert one.tensor_type.name == TYPES[type]
    kept = dequantize(one.data, one.tensor_type).reshape(given.shape)
    bits = {"f32": 0.0, "f16": 1e-3, "q8_0": 1e-2, "q4_1": 0.08, "q4_0": 0.15}[type]
    assert abs(kept - given).max() <= bits * abs(given).max()
    embeddings = read["token_embd.weight"].tensor_type.name
    assert embeddings == {"q4_0": "Q8_0", "q4_1": "Q8_0"}.get(type, TYPES[type])
    assert read["output_norm.weight"].tensor_type.name == "F32"


def test_families_and_scaled_positions() -> None:
    assert set(FAMILIES) == {"llama", "mistral", "phi3", "gemma3_text", "qwen2", "qwen3"}
    config = build_model("llama").config
    assert family_of(config).pairs
    config.rope_parameters = {**config.rope_parameters, "rope_type": "yarn"}
    with pytest.raises(UsageError, match="scaled by yarn"):
        family_of(config)
    config.model_type = "gpt2"
    with pytest.raises(UsageError, match="the family gpt2 cannot be written"):
        family_of(config)


def _described(pre: Any) -> Any:
    tokenizer = build_tokenizer()
    tokenizer.backend_tokenizer.pre_tokenizer = pre
    return tokenizer


def test_how_texts_are_cut_has_its_name() -> None:
    from tokenizers import Regex, pre_tokenizers

    bytes_alone = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    digits = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    assert read_vocabulary(build_tokenizer(), 600).pre == "gpt-2"
    assert read_vocabulary(_described(digits), 600).pre == "smollm"
    from tunelab.serving.gguf_vocabulary import _CUTS

    for pattern, name in _CUTS.items():
        cut = pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(pattern), "isolated"), bytes_alone]
        )
        assert read_vocabulary(_described(cut), 600).pre == name
    with pytest.raises(UsageError, match="does not cut texts as its tokenizer does"):
        read_vocabulary(_described(pre_tokenizers.Whitespace()), 600)


def test_a_vocabulary_is_filled_up_and_its_tokens_are_marked() -> None:
    tokenizer = build_tokenizer()
    found = read_vocabulary(tokenizer, len(tokenizer) + 3)
    assert found.tokens[-1] == f"[PAD{len(tokenizer) + 2}]"
    assert [
        found.types[tokenizer.convert_tokens_to_ids(token)] for token in ("<|im_end|>", "a")
    ] == [
        3,
        1,
    ]
    assert (found.model, found.scores, found.types[-1]) == ("gpt2", None, 5)
    pieces = read_vocabulary(_pieces(), len(_pieces()))
    assert (pieces.model, pieces.merges, pieces.space_prefix) == ("llama", None, True)
    assert pieces.types[:4] == [2, 3, 3, 6]
    assert pieces.scores is not None
    early, late = (pieces.scores[pieces.tokens.index(token)] for token in ("▁w", "▁gam"))
    assert 0 >= early > late


def test_a_template_asks_as_in_training_whoever_renders_it() -> None:
    template = (
        "{{ strftime_now('%d') }}{{ date_string }}{% if enable_thinking %}think{% endif %}" + CHATML
    )
    fixed = fixed_template(template, "<think>\n\n</think>'")
    given = {"messages": [{"role": "user", "content": "x"}], "add_generation_prompt": True}
    text = render_template(fixed, {**given, "enable_thinking": True, "date_string": "today"})
    assert "today" not in text
    assert "thinkn" not in text
    assert text.startswith("26 Jul 202426 Jul 2024<|im_start|>user")
    assert text.endswith("<|im_start|>assistant\n<think>\n\n</think>'")
    assert fixed_template(CHATML, "") == CHATML


def test_a_modelfile_asks_as_the_prompt_does() -> None:
    settings = {"answer_tokens": 4, "system": "Use {{x}}.", "style": "chat", "template": ""}
    assert 'SYSTEM """Use {{x}}."""' in _modelfile(settings)
    plain = {**settings, "style": "plain", "template": PLAIN_TEMPLATE + PLAIN_ANSWER}
    assert _modelfile(plain).endswith(
        'TEMPLATE """Use {{ "{{" }}x}}.\n\nText: {{ .Prompt }}\nLabel:"""\n'
    )
    assert "TEMPLATE" not in _modelfile(settings)
