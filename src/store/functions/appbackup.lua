#!lua name=appbackup
--[[
The only writer of everything below "appbackup:" (docs/redis.md shows each key and function).

A call is atomic but is not rolled back: every function first reads and checks, and writes only when nothing can be
refused any more. A refusal is an error reply "<CODE> <text>"; include/store/store.h lists the codes.

Two sorts of records make the state of the world:
  subject  a backup, or a task: what callers see. Its state changes in Subject:transition() only, by Facts.subjects.
  job      one unit of work on a subject. It stands in exactly one place at a time (a node's queue, delayed, leases,
           quarantine, or none when it is done); Jobs.move() is the only function that moves it.

A claim gets a new epoch. Every later write of the worker carries it, so a worker that has lost its lease changes
nothing (Jobs.fence()). All times are those of Redis, in ms since the epoch; all values are plain text.
]]
