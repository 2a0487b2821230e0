"""Batch prompt optimization: evaluate a prompt, search for a better one, release it only past a sealed gate.

Searching is greedy and noisy on purpose; releasing is one paired test on examples that no search step has seen.
"""
