"""GGUF: a language model with its tokenizer and chat template in one file, for llama.cpp."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tunelab.classifiers.language_model import LanguageModel
from tunelab.errors import UsageError
from tunelab.library_warnings import quiet
from tunelab.methods.contract import find_method
from tunelab.prompts.encoding import Encoder
from tunelab.prompts.rendering import FIXED_DATE
from tunelab.prompts.tokens import leading_tokens
from tunelab.runs.results import write_json, write_text
from tunelab.serving.export_agreement import sample_texts
from tunelab.serving.formats.contract import SETTINGS, Format, Source
from tunelab.serving.formats.merged import merges, parse, prompt_settings
from tunelab.serving.gguf_vocabulary import read_vocabulary
from tunelab.serving.gguf_weights import TYPES, family_of, tensors, write_sizes
from tunelab.serving.merging import merge_exactly

# What a Modelfile of Ollama puts around a text of several lines, and cannot hold in it.
_QUOTES = '"""'
_MODEL, _MODELFILE = "model.gguf", "Modelfile"


def _refusal(source: Source) -> str | None:
    reason = merges(source)
    fitted = source.fitted
    if reason is not None or not isinstance(fitted, LanguageModel):
        return reason
    config = fitted.loaded.model.config
    try:
        family_of(config)
        read_vocabulary(fitted.encoder.tokenizer, int(config.vocab_size))
    except UsageError as error:
        return str(error)
    system = fitted.encoder.format.system
    if _QUOTES in system or system.endswith('"'):
        return "its system prompt holds three quotes or ends with one, which no Modelfile can hold"
    return None


def _write(source: Source, folder: Path, type: str) -> Mapping[str, Any]:
    fitted = source.fitted
    assert isinstance(fitted, LanguageModel)
    merge = find_method(str(source.record["method"])).merge
    model, _ = merge_exactly(fitted, merge, sample_texts())
    write_gguf(model, fitted.encoder, folder / _MODEL, type)
    settings = prompt_settings(fitted)
    write_json(folder / SETTINGS, {**settings, "context": fitted.encoder.max_length + 8})
    write_text(folder / _MODELFILE, _modelfile(settings))
    return {}


def write_gguf(model: Any, encoder: Encoder, path: Path, type: str) -> None:
    """Write a model, and the tokenizer and the template of its prompts, into one file.

    Raises:
        UsageError: the model's family or its tokenizer cannot be written.
    """
    import gguf

    config = model.config
    family = family_of(config)
    with quiet("gguf"):
        writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[gguf.MODEL_ARCH[family.architecture]])
    writer.add_name("classifier")
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    kind = "ALL_F32" if type == "f32" else f"MOSTLY_{TYPES[type]}"
    writer.add_file_type(int(gguf.LlamaFileType[kind]))
    write_sizes(writer, config, family)
    _write_vocabulary(writer, encoder, int(config.vocab_size))
    if encoder.format.style == "chat":
        writer.add_chat_template(fixed_template(encoder.format.template, encoder.start or ""))
    for name, values, kept in tensors(model, family, type):
        writer.add_tensor(name, values, raw_dtype=kept)
    with quiet("gguf"):
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def _write_vocabulary(writer: Any, encoder: Encoder, size: int) -> None:
    tokenizer = encoder.tokenizer
    found = read_vocabulary(tokenizer, size)
    writer.add_tokenizer_model(found.model)
    writer.add_tokenizer_pre(found.pre)
    writer.add_token_list(found.tokens)
    writer.add_token_types(found.types)
    if found.scores is not None:
        writer.add_token_scores(found.scores)
        writer.add_add_space_prefix(found.space_prefix)
    if found.merges is not None:
        writer.add_token_merges(found.merges)
    for number, add in (
        (tokenizer.bos_token_id, writer.add_bos_token_id),
        (tokenizer.eos_token_id, writer.add_eos_token_id),
        (tokenizer.pad_token_id, writer.add_pad_token_id),
        (tokenizer.unk_token_id, writer.add_unk_token_id),
    ):
        if number is not None:
            add(int(number))
    others = [number for number in encoder.stop_tokens if number != tokenizer.eos_token_id]
    if others:
        writer.add_eot_token_id(int(others[0]))
    # A template writes its own.
    plain = encoder.format.style == "plain"
    writer.add_add_bos_token(bool(leading_tokens(tokenizer)) if plain else False)


def fixed_template(template: str, answer_start: str) -> str:
    """A chat template that asks as in training, whoever renders it.

    Its clock is stopped, its reasoning is off, and behind its question stands ``answer_start``.
    """
    before = ""
    if "strftime_now" in template:
        before += f"{{%- macro strftime_now(format) -%}}{FIXED_DATE}{{%- endmacro -%}}"
    for name, value in (
        ("date_string", f"'{FIXED_DATE}'"),
        ("enable_thinking", "false"),
        ("thinking", "false"),
    ):
        if name in template:
            before += f"{{%- set {name} = {value} -%}}"
    behind = ""
    if answer_start:
        written = answer_start.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
        behind = f"{{%- if add_generation_prompt %}}{{{{ '{written}' }}}}{{%- endif %}}"
    return f"{before}{template}{behind}"


def _modelfile(settings: Mapping[str, Any]) -> str:
    """How Ollama reads the file; a chat template is in it, and a plain prompt is written here."""
    lines = [
        f"FROM ./{_MODEL}",
        "PARAMETER temperature 0",
        f"PARAMETER num_predict {settings['answer_tokens']}",
    ]
    if settings["style"] == "plain":
        # Without it Ollama would give the text alone; braces of the prompt are text.
        whole = settings["template"].removesuffix(" {label}")
        whole = whole.replace("{system}", settings["system"]).lstrip("\n")
        whole = whole.replace("{{", '{{ "{{" }}').replace("{text}", "{{ .Prompt }}")
        lines.append(f"TEMPLATE {_QUOTES}{whole}{_QUOTES}")
    elif settings["system"]:
        lines.append(f"SYSTEM {_QUOTES}{settings['system']}{_QUOTES}")
    return "\n".join(lines) + "\n"


FORMAT = Format(
    name="gguf",
    title="a GGUF file for llama.cpp and Ollama",
    types=dict.fromkeys(TYPES),
    refusal=_refusal,
    write=_write,
    packages={"xllamacpp": "xllamacpp"},
    library="gguf",
    extra="llama-cpp",
    parse=parse,
    prompt_ids="""from urllib.request import Request, urlopen


def post(path, value):
    body = json.dumps(value).encode()
    asked = Request(server.listening_address + path, body, {"Content-Type": "application/json"})
    return json.load(urlopen(asked))


def prompt_ids(text):
    if prompt["style"] == "plain":
        whole = prompt["template"].removesuffix(" {label}").replace("{system}", prompt["system"])
        whole = whole.replace("{text}", text).lstrip("\\n")
    else:
        last = prompt["messages"][-1]
        last = {**last, "content": last["content"].replace("{text}", text)}
        whole = post("/apply-template", {"messages": [*prompt["messages"][:-1], last]})["prompt"]
    given = {"content": whole, "add_special": True, "parse_special": True}
    return post("/tokenize", given)["tokens"]
""",
    no_probabilities="llama.cpp tells the likeliest tokens, and not how likely each label is",
    note=(
        "`llama-server -m model.gguf` serves the file, and `ollama create NAME -f Modelfile` adds "
        "it to Ollama; both ask as the code does where the system prompt is that of "
        "`classifier.json`."
    ),
    code='''import json
import os
from pathlib import Path

import xllamacpp

prompt = json.loads(Path("classifier.json").read_text(encoding="utf-8"))
params = xllamacpp.CommonParams()
params.model.path = "model.gguf"
params.n_ctx = prompt["context"]
params.n_parallel = 1
params.n_gpu_layers = 0
threads = int(os.environ.get("OMP_NUM_THREADS", 0))  # 0: all cores
params.cpuparams.n_threads = threads or params.cpuparams.n_threads
server = xllamacpp.Server(params)
settings = {"temperature": 0, "max_tokens": prompt["answer_tokens"]}


def ask(text):
    if prompt["style"] == "plain":
        whole = prompt["template"].removesuffix(" {label}").replace("{system}", prompt["system"])
        whole = whole.replace("{text}", text).lstrip("\\n")
        return server.handle_completions({"prompt": whole, **settings})
    last = prompt["messages"][-1]
    messages = [
        *prompt["messages"][:-1],
        {**last, "content": last["content"].replace("{text}", text)},
    ]
    return server.handle_chat_completions({"messages": messages, **settings})


def answer(text):
    found = ask(text)
    while "choices" not in found and text:
        text = text[: len(text) * 3 // 4]  # a text that does not fit is cut at its end
        found = ask(text)
    choice = found["choices"][0]
    return (choice["message"]["content"] if "message" in choice else choice["text"]).strip()


def classify(texts):
    """Of each text its label or None, no probabilities, and the raw answer."""
    answers = [answer(text) for text in texts]
    return [(one if one in prompt["labels"] else None, None, one) for one in answers]
''',
)
