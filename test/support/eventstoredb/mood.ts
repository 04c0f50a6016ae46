import { notLeader, unimplemented, type Endpoint, type Failure } from './failures.ts';

/** `broken`: the call that would have carried it ends, as with a connection that is gone; `silent`: nothing ever comes. */
export type LostReply = 'broken' | 'silent';

/** What the double is told to do wrong. Counts run down by themselves; flags hold until they are taken back. */
export type Mood = {
  version: string;
  batchAppend: boolean;
  repliesToLose: number;
  howLost: LostReply;
  leader: Endpoint | undefined;
  callsForLeader: number;
  /** What the next calls come to. */
  failure: Failure | undefined;
  callsToFail: number;
  /** What comes of the next questions for what it can do: a failure, or nothing at all. */
  noFeatures: Failure | 'silent';
  questionsToFail: number;
};

export const goodMood = (version: string): Mood => ({
  version,
  batchAppend: true,
  repliesToLose: 0,
  howLost: 'broken',
  leader: undefined,
  callsForLeader: 0,
  failure: undefined,
  callsToFail: 0,
  noFeatures: 'silent',
  questionsToFail: 0,
});

/** How the reply to an append that is committed is lost, if it is. */
export function lostReply(mood: Mood): LostReply | undefined {
  if (mood.repliesToLose === 0) return undefined;
  mood.repliesToLose -= 1;
  return mood.howLost;
}

/** Why a call is refused before anything is done, if it is. */
export function refusalIn(mood: Mood): Failure | undefined {
  if (mood.failure !== undefined && mood.callsToFail > 0) {
    mood.callsToFail -= 1;
    return mood.failure;
  }
  if (mood.leader === undefined || mood.callsForLeader === 0) return undefined;
  mood.callsForLeader -= 1;
  return notLeader(mood.leader);
}

export const batchRefusalIn = (mood: Mood): Failure | undefined => (mood.batchAppend ? undefined : unimplemented());

/** From 23.10 on a server says when a subscription has caught up. */
export function saysCaughtUp({ version }: Mood): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 23 || (major === 23 && minor >= 10);
}
