"""A model that runs elsewhere, behind an OpenAI-compatible endpoint.

vLLM, llama.cpp's server, Ollama and ``transformers serve`` speak this protocol.
"""
