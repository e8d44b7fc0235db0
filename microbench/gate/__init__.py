"""The latency gate: whether a network got slower, with error rates that are known and can be measured anew."""
