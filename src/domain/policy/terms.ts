import { present } from '../kernel/present.ts';
import { isRejection, reject, type Rejection } from '../kernel/rejection.ts';
import { PRIORITIES, type Channel, type MessageClass, type Priority } from '../values/channel.ts';
import type { Instant } from '../values/instant.ts';
import type { Terms } from '../values/message.ts';
import { DEFAULT_WAIT_MS, type Routing, type RoutingInput } from '../values/routing.ts';
import type { Schedule } from '../values/schedule.ts';
import { expiryOf, type Expiry } from './expiry.ts';
import { planAtOf } from './wallTime.ts';

/** What a request asks for, as far as it bears on how the message is treated. */
export type Wanted = {
  readonly type: string;
  readonly category?: string;
  readonly priority?: Priority;
  readonly channels?: readonly Channel[];
  readonly routing?: RoutingInput;
  readonly schedule?: Schedule;
  readonly expires?: { readonly at: Instant } | { readonly afterMs: number };
};
/** What the catalogue says of its type. */
export type TypeRules = {
  readonly category: string;
  readonly channels?: readonly Channel[];
  readonly routing?: Routing;
  readonly priority?: Priority;
  readonly expiresAfterMs?: number;
  readonly unknownOutcome?: 'retry' | 'hold';
};
export type Known = {
  readonly type: TypeRules | undefined;
  /** Of the category that counts; undefined: the catalogue does not hold it. */
  readonly categoryClass: (category: string) => MessageClass | undefined;
  readonly unknownTypes: 'allow' | 'reject';
  /** The channels that the content, or the template, has something for. */
  readonly contentChannels: readonly Channel[];
  readonly now: Instant;
};
export type TermsCode =
  'unknown_type' | 'category_required' | 'unknown_category' | 'category_conflict' | 'content_required' | 'already_expired';

/** How the message is treated, but for what is hashed or looked up elsewhere. */
export type Settled = Omit<Terms, 'mode' | 'template' | 'dedup' | 'key' | 'source'>;

/** The catalogue decides, a request can only tighten. All that is wrong is told, not the first. */
export function settleTerms(wanted: Wanted, known: Known): Settled | readonly Rejection<TermsCode>[] {
  const wrong: Rejection<TermsCode>[] = [];
  const note = <T>(it: T | Rejection<TermsCode>): T | undefined => {
    if (!isRejection<TermsCode>(it)) return it;
    wrong.push(it);
    return undefined;
  };
  const category = note(categoryOf(wanted, known));
  const channels = note(channelsOf(wanted, known));
  const priority = note(priorityOf(wanted, known.type));
  const expiry = note(expiryWanted(wanted, known));
  if (category === undefined || channels === undefined || priority === undefined || expiry === undefined) return wrong;
  return {
    type: wanted.type,
    ...category,
    priority,
    ...channels,
    routing: routingOf(wanted, known.type),
    ...expiry,
    ...present({ schedule: wanted.schedule }),
    unknownOutcome: known.type?.unknownOutcome ?? 'retry',
  };
}

function categoryOf(
  { type: name, category }: Wanted,
  { type, categoryClass, unknownTypes }: Known,
): { category: string; class: MessageClass } | Rejection<TermsCode> {
  if (type === undefined && unknownTypes === 'reject')
    return reject('unknown_type', `declare the type ${name} in the catalogue first (PUT /v1/types/${name})`, '/type');
  const chosen = type?.category ?? category;
  if (chosen === undefined)
    return reject('category_required', 'the type is not declared, so the request must name a category', '/category');
  if (category !== undefined && category !== chosen)
    return reject('category_conflict', `the catalogue files this type under ${chosen}`, '/category');
  const messageClass = categoryClass(chosen);
  return messageClass === undefined
    ? reject('unknown_category', 'declare the category first (PUT /v1/categories/{key})', '/category')
    : { category: chosen, class: messageClass };
}

function channelsOf(
  { channels }: Wanted,
  { type, contentChannels }: Known,
): Pick<Settled, 'channels' | 'channelsNamed'> | Rejection<TermsCode> {
  const named = channels ?? type?.channels;
  const foreign = channels?.find((it) => type?.channels !== undefined && !type.channels.includes(it));
  if (foreign !== undefined) return reject('category_conflict', `the catalogue does not allow ${foreign} for this type`, '/channels');
  if (named === undefined) {
    return contentChannels.length > 0
      ? { channels: contentChannels, channelsNamed: false }
      : reject('content_required', 'give content or a template: the type names none', '/content');
  }
  const mute = named.find((it) => !contentChannels.includes(it));
  return mute === undefined
    ? { channels: named, channelsNamed: true }
    : reject('content_required', `there is no content for the channel ${mute}`, `/content/${mute}`);
}

function priorityOf({ priority }: Wanted, type: TypeRules | undefined): Priority | Rejection<TermsCode> {
  const most = type?.priority;
  if (priority === undefined) return most ?? 'normal';
  const isHigher = most !== undefined && PRIORITIES.indexOf(priority) < PRIORITIES.indexOf(most);
  return isHigher ? reject('category_conflict', `the catalogue gives this type at most ${most} priority`, '/priority') : priority;
}

function routingOf({ routing }: Wanted, type: TypeRules | undefined): Routing {
  if (routing === undefined) return type?.routing ?? { method: 'all' };
  if (routing.method === 'all' || routing.until === 'accepted') return routing;
  return { method: 'first', until: 'delivered', waitMs: routing.waitMs ?? declaredWait(type?.routing) };
}
const declaredWait = (routing: Routing | undefined): number =>
  routing?.method === 'first' && routing.until === 'delivered' ? routing.waitMs : DEFAULT_WAIT_MS;

/** Both what the request and what the type say: the earlier counts. */
function expiryWanted({ expires, schedule }: Wanted, { type, now }: Known): Expiry | Rejection<TermsCode> {
  const [at, own] = expires === undefined ? [] : 'at' in expires ? [expires.at] : [undefined, expires.afterMs];
  const after = [own, type?.expiresAfterMs].filter((it) => it !== undefined);
  const expiry = present({ expiresAt: at, expiresAfterMs: after.length > 0 ? Math.min(...after) : undefined });
  const start = planAtOf(schedule, now);
  const first = expiryOf(expiry, start);
  if (first === undefined || first > start) return expiry;
  return reject('already_expired', 'it would expire before it could be sent', own === undefined ? '/expiresAt' : '/expiresAfter');
}
