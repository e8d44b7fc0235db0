"""The latency gate: did a network get slower? With error rates that are known and can be measured on any machine."""
