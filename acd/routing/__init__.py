"""Agents, queues and who gets which call. Knows neither SIP nor Postgres.

`router.Router` is the way in; `model` and `events` are what goes in and comes out. Inside:
dispatch moves, floor chooses, queue and pool hold the lines of calls and of idle agents in order,
policy reads a queue's layers, rank measures conversion, agent changes agents, deadlines keep time.
"""
