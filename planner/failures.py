"""Classes of failures, by which a group of deployments falls back on others (facts: routing_semantics §7)."""

FAILURES = ("error", "limit", "timeout", "context-window", "content-policy")
ERROR, LIMIT, TIMEOUT, CONTEXT_WINDOW, CONTENT_POLICY = range(5)
