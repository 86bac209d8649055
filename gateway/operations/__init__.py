"""EDGE: what an operations team looks at: logs, metrics, liveness and readiness."""
