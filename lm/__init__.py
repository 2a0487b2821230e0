"""Every way to reach a language model: one interface, one reply store, one budget.

A call passes the same road whatever the engine: stored reply, budget, concurrency limit, engine. A call that fails
is missing data with a cause, never a wrong answer.
"""
