-- The log that the read models are filled from, by a hash of the first event of its tenant `default`: in front of another log they would
-- wait, or stop, for ever.
alter table installation add log text;
