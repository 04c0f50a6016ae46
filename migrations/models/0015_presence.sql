-- A lock that the holder's process has for as long as its connection lives. Whoever can have it knows that the holder is gone, and need
-- not wait until the lease has run out. Null: nothing is known but the time.
alter table consumers add presence bigint;
