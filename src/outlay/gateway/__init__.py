"""A server in OpenAI's shape that buys answers, with keys, quotas and budgets that hold."""
