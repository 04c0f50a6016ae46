-- What a group leaves undone is free again once the consumer has read what the group appended. Either may be first: the drainer to say how
-- far it has written (actions_finish), or the consumer to have read so far (actions_release). Both take one lock, so that the second sees what
-- the first has done; without it each could miss the other, and what was left waited for the end of its claim.
--
-- plpgsql and volatile, because every statement must see what was committed while the lock was waited for.

create function actions_finish(ended uuid, upto text) returns void
language plpgsql volatile
as $$
begin
  perform pg_advisory_xact_lock_shared(hashtextextended('tidings actions read', 0));
  -- It no longer stands in anybody's way, but its id stays with its actions until they are settled.
  update claims set done = upto, subjects = '{}', addresses = '{}' where id = ended;
  if exists (select from consumers where name = 'actions' and state = 'live' and position >= upto) then
    delete from claims where id = ended;
    -- Who holds a row now is the consumer, which waits for the lock: such a row is free when the claim's time is over.
    with rest as (select id from actions where claim = ended order by id for update skip locked)
    update actions a set claim = null, run_at = a.due_at from rest where a.id = rest.id;
  end if;
end $$;

create function actions_release(upto text) returns void
language plpgsql volatile
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('tidings actions read', 0));
  with read as (delete from claims where done <= upto returning id),
       rest as (select a.id from actions a join read r on a.claim = r.id order by a.id for update of a)
  update actions a set claim = null, run_at = a.due_at from rest where a.id = rest.id;
  -- Drainers sleep until what they knew of is due.
  if found then
    perform pg_notify('tidings_actions', '');
  end if;
end $$;

revoke all on function actions_finish(uuid, text), actions_release(text) from public;
grant execute on function actions_finish(uuid, text), actions_release(text) to tidings_worker;
