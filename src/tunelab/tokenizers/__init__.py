"""The tokenizer laboratory: how model families cut text, what that costs, and what it loses."""
