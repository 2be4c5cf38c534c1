"""Agentic LLM routing: which model makes the next move of a multi-step task."""
