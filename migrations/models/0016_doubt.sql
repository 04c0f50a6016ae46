-- A log that seems to end before a checkpoint may be an older backup, or a node that was cut off and does not know it yet. It is looked at
-- again for a while, and has to hold the last event that was taken in: its id, and from where reading finds it as the first one that concerns
-- the consumer (null: the start of the log).
alter table consumers add doubted_at timestamptz, add last_event uuid, add last_after text collate "C";
