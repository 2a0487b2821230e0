"""What all tools share: documents, metrics, statistics, prompts, run folders, settings, errors, console.

The lowest layer: it imports neither `lm` nor any tool, and every tool may import it.
"""
