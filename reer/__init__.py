"""Reverse-engineered reasoning: what experts know and nobody wrote down, in manuals that measurably help."""
