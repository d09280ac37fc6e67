#!lua name=appbackup_doctor
--[[
The doctor's library: a second one, of the same core as the first, which is in Redis only while a doctor is at work. It
adds nothing to the other's functions, and each of its own begins with appbackup_doctor_.
]]

