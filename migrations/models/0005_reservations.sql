-- What counts across notifications: one message per dedup key, person and channel within its window. Planners compete here in one
-- statement; what a delivery holds that has ended unsent, as its log says, is taken over by the next that wants it. Lost with the rest of
-- the database, it is made again from `DeliveriesPlanned`.
create table reservations (
  tenant text not null,
  -- Keyed hash of the caller's dedup key, the subject and the channel.
  key text not null,
  -- `<notificationId>_<n>`
  delivery text not null,
  -- When the holder was planned: a consumer that is behind never puts an older holder in a newer one's place.
  since timestamptz(3) not null,
  until timestamptz(3) not null,
  primary key (tenant, key)
);
create index reservations_until on reservations (until);
select tidings_protect('reservations');
