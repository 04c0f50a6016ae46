import type { Access } from './access.ts';
import type { Operation } from './operation.ts';
import { refuse } from './problems.ts';
import type { Refusal } from './problems.ts';

/** What one may do: `quota` at once, which comes back evenly over `seconds`. Of `key` it is known elsewhere who that is. */
export type Window = { readonly key: string; readonly quota: number; readonly seconds: number };

/** Of a window, after a request. `waitMs`: until one more may come where none is left, and otherwise until all may. */
export type Standing = { readonly exceeded: boolean; readonly left: number; readonly waitMs: number };

/** Counts what is done, in one process or for all of them. */
export interface Limiter {
  /**
   * One from each window, in one step; from none of them where one is exceeded, so that whoever is refused by one loses nothing of the
   * others. Undefined: nobody counts at the moment, and then it is answered soon. Never throws.
   */
  take(windows: readonly Window[]): Promise<readonly Standing[] | undefined>;
}

type Limit = {
  /** In the header fields and the metrics. */
  readonly name: string;
  readonly per: 'key' | 'tenant';
  readonly counts: (operation: Pick<Operation, 'method' | 'issuesCredentials'>) => boolean;
  /** The size is so many in so many seconds; so many seconds' worth may come at once. */
  readonly unitSeconds: number;
  readonly burstSeconds: number;
  /**
   * While nobody counts. `pass` (it fails open): it keeps one from taking the room of others, which admission guards as well; to send nothing because
   * Redis is away would be worse than what it guards against. `refuse` (it fails closed): what it bounds is rare, can wait, and is what a stolen
   * key would be used for.
   */
  readonly uncounted: 'pass' | 'refuse';
};

const every = (): boolean => true;
const commands: Limit['counts'] = ({ method }) => method !== 'get';

/** The limits of the API. A request counts once, whatever it holds: how much may be in it is bounded elsewhere. */
const RATE_LIMITS = {
  key: { name: 'key', per: 'key', counts: every, unitSeconds: 1, burstSeconds: 10, uncounted: 'pass' },
  tenant: { name: 'tenant', per: 'tenant', counts: every, unitSeconds: 1, burstSeconds: 10, uncounted: 'pass' },
  keyCommands: { name: 'key-commands', per: 'key', counts: commands, unitSeconds: 60, burstSeconds: 60, uncounted: 'pass' },
  tenantCommands: { name: 'tenant-commands', per: 'tenant', counts: commands, unitSeconds: 60, burstSeconds: 60, uncounted: 'pass' },
  credentials: {
    name: 'credentials',
    per: 'tenant',
    counts: ({ issuesCredentials }) => issuesCredentials === true,
    unitSeconds: 60,
    burstSeconds: 60,
    uncounted: 'refuse',
  },
} as const satisfies Readonly<Record<string, Limit>>;

/** How many in the unit of each; 0: no limit. */
export type RateLimitSizes = Readonly<Record<keyof typeof RATE_LIMITS, number>>;

export type RateLimitWatch = {
  readonly refused: (limit: string) => void;
  /** Nobody counted, and this became of the request. */
  readonly uncounted: (outcome: 'passed' | 'refused') => void;
};

/** The fields are for every answer, that of a refusal too. */
export type RateLimited = { readonly fields: Readonly<Record<string, string>>; readonly refusal?: Refusal };
/** Of an operation: counts a request of it. Undefined: nothing limits it. */
export type RateLimits = (operation: Pick<Operation, 'method' | 'scope' | 'issuesCredentials'>) => CountRequest | undefined;
export type CountRequest = (access: Access) => Promise<RateLimited>;

type Policy = Limit & { readonly quota: number };

function policiesOf(sizes: RateLimitSizes, operation: Parameters<RateLimits>[0]): readonly Policy[] {
  if (operation.scope === 'public') return [];
  const all: readonly (Limit & { readonly size: number })[] = [
    { ...RATE_LIMITS.key, size: sizes.key },
    { ...RATE_LIMITS.tenant, size: sizes.tenant },
    { ...RATE_LIMITS.keyCommands, size: sizes.keyCommands },
    { ...RATE_LIMITS.tenantCommands, size: sizes.tenantCommands },
    { ...RATE_LIMITS.credentials, size: sizes.credentials },
  ];
  return all
    .filter(({ size, counts }) => size > 0 && counts(operation))
    .map(({ size, ...limit }) => ({ ...limit, quota: (size * limit.burstSeconds) / limit.unitSeconds }));
}

const windowOf = ({ name, per, quota, burstSeconds }: Policy, { tenant, actor }: Access): Window => ({
  key: [name, tenant, ...(per === 'key' ? [actor.kind, actor.id] : [])].join(' '),
  quota,
  seconds: burstSeconds,
});

const secondsOf = ({ waitMs }: Standing): number => Math.ceil(waitMs / 1000);

/** Items of the field `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11, §4). */
const limitField = (states: readonly State[]): string =>
  states.map(({ policy, standing }) => `"${policy.name}";r=${standing.left};t=${secondsOf(standing)}`).join(', ');

/** Of the field `RateLimit-Policy` (§3). */
const policyField = (policies: readonly Policy[]): string =>
  policies.map(({ name, quota, burstSeconds }) => `"${name}";q=${quota};w=${burstSeconds}`).join(', ');

type State = { readonly policy: Policy; readonly standing: Standing };

/** `states`: of the limits that are exceeded; none of them is told less than it takes (§6). */
const tooMany = (states: readonly State[]): Refusal =>
  refuse('rate_limited', 'Try again after Retry-After, with the same Idempotency-Key.', {
    headers: { 'Retry-After': String(Math.max(1, ...states.map(({ standing }) => secondsOf(standing)))) },
    more: { 'violated-policies': states.map(({ policy }) => policy.name) },
  });

const UNCOUNTED = refuse('unavailable', 'What is limited here cannot be counted at the moment: try again after Retry-After.', {
  headers: { 'Retry-After': '5' },
});

/** Counts every request that is somebody's, by its key and by its tenant, before anything is read or done for it. */
export const createRateLimits =
  (limiter: Limiter, sizes: RateLimitSizes, watch: RateLimitWatch): RateLimits =>
  (operation) => {
    const policies = policiesOf(sizes, operation);
    if (policies.length === 0) return undefined;
    const policy = { 'RateLimit-Policy': policyField(policies) };
    const isClosed = policies.some(({ uncounted }) => uncounted === 'refuse');
    return async (access) => {
      const standings = await limiter.take(policies.map((it) => windowOf(it, access)));
      if (standings === undefined) {
        watch.uncounted(isClosed ? 'refused' : 'passed');
        return isClosed ? { fields: policy, refusal: UNCOUNTED } : { fields: policy };
      }
      const states = policies.flatMap((it, at) => {
        const standing = standings[at];
        return standing === undefined ? [] : [{ policy: it, standing }];
      });
      const exceeded = states.filter(({ standing }) => standing.exceeded);
      for (const { policy: it } of exceeded) watch.refused(it.name);
      // Of those that are not exceeded nothing is told then: their time is not what Retry-After is about.
      const fields = { ...policy, RateLimit: limitField(exceeded.length > 0 ? exceeded : states) };
      return exceeded.length > 0 ? { fields, refusal: tooMany(exceeded) } : { fields };
    };
  };
