#!lua name=appbackup_doctor
--[[
The doctor's library: a second one, of the same core as the first, which is in Redis only while a doctor is at work.

A place is a key, or one member of a key that holds many. A look at a place lists what is wrong there, each finding with
the commands that mend it, and writes nothing. A repair looks again and does just these commands, all in one call: so
nothing is judged or mended half-way through what others do. Before a repair its caller gets the contents that will
change (plan), with a token; the repair is refused when they have changed meanwhile. What a caller keeps of them can be
put back (undo).

Records are the truth. Indexes are made again from them, and what belongs to no record is removed. A record that is
damaged, or that everything else contradicts, is not guessed at but taken out of service:
  backup             is removed; a catalog task makes it again if its bucket has it
  task               fails, with a reason, and so does whatever else a job works on
  job                is removed; its backup gets a new one, its task fails
  app, bucket, node  is removed; its worker registers it again within half a minute
]]

local Doctor = {
    SMALL = 32,              -- members that are looked at together with their key
    GRACE_MS = 30000,        -- before a new job starts: whoever had the lost one has stopped by then
    CLOCK_SLACK_MS = 600000,
    COPY_MEMBERS_MAX = 2000, -- of a key that is removed: DUMP takes about 2 us each
    COPY_BYTES_MAX = 1024 * 1024,
    now = 0,                 -- of this call
}
