// Where processes tell each other something by NOTIFY in the database of read models; each is a hint, since it may be lost.

/** There is something to do for whoever fills read models, by name. */
export const CONSUMERS_CHANNEL = 'tidings_consumers';
/** Other tables of a read model are read from now on. */
export const LIVE_CHANNEL = 'tidings_live';
/** A read model has moved on. */
export const MOVED_CHANNEL = 'tidings_moved';
/** Somebody waits for a read model to come to a position. */
export const WAIT_CHANNEL = 'tidings_wait';
