"""LLM routing: which model makes the next move of a task, or answers the next query, under a budget."""
