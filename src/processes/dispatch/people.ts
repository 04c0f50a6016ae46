import { present } from '../../domain/kernel/present.ts';
import { isSealed, type Personal, type Sealed } from '../../domain/kernel/personal.ts';
import type { InlinePerson, RequestedRecipient } from '../../domain/notification/events.ts';
import type { AttachmentRef, Message, OwnPart, Variables } from '../../domain/values/message.ts';
import { channelOf, indexOf } from '../../domain/notification/delivery.ts';
import type { OwnAddress, Profile } from '../../domain/recipient/events.ts';
import { addressKeyText } from '../../domain/values/addressKey.ts';
import { CHANNELS, type Channel } from '../../domain/values/channel.ts';
import type { SubjectId, TenantId } from '../../domain/values/ids.ts';
import type { Opened, Vault } from '../../commands/ports.ts';
import type { Job } from './load.ts';
import type { DispatchPorts, ProfileFacts, Sender } from './ports.ts';

/** One recipient of a job, opened: lives for the length of a claim and is written nowhere. */
export type Person = {
  readonly subject: SubjectId;
  /** The subject's key is gone: nothing of theirs can be read, and nothing may go. */
  readonly erased: boolean;
  readonly addresses: Partial<Readonly<Record<Channel, { readonly address: string; readonly source: 'request' | 'profile' }>>>;
  readonly profileVersion: number | null;
  readonly locale: string;
  readonly timeZone: string;
  /** `recipient` in templates: name and attributes. */
  readonly recipient: Variables;
  /** Their own of this message. */
  readonly variables: Variables;
  readonly attachments: readonly AttachmentRef[];
};
export type OpenedJob = { readonly job: Job; readonly message: Message | 'erased'; readonly people: ReadonlyMap<number, Person> };

/** Profiles, addresses and messages of a group (docs/architecture.md, step 3): one statement for profiles, one for keys. */
export async function openPeople(
  ports: Pick<DispatchPorts, 'facts' | 'vault' | 'material'>,
  tenant: TenantId,
  jobs: readonly Job[],
): Promise<readonly OpenedJob[]> {
  const recipients = jobs.flatMap((job) => dueRecipients(job));
  const profiles = await ports.facts.profiles(tenant, [...new Set(recipients.map((it) => it.subject))]);
  const handles: Sealed[] = [];
  const want = (it: Personal<unknown> | undefined): void => {
    if (it !== undefined && isSealed(it)) handles.push(it);
  };
  for (const job of jobs) want(job.message);
  for (const { person, own, subject } of recipients) {
    for (const it of [person, own, ...handlesOf(profiles.get(subject))]) want(it);
  }
  const open = opener(await openAll(ports.vault, handles));
  const sender = await ports.material.sender(tenant);
  return jobs.map((job) => {
    const message = open<Message>(job.message) ?? 'erased';
    // Sealed as theirs alone, the message is lost with their key, even where nothing else of theirs tells that it is gone.
    const gone = message === 'erased' ? job.state.requested.soleSubject : undefined;
    const people = dueRecipients(job).map((it): [number, Person] => {
      const person = personOf(it, profiles.get(it.subject), open, sender);
      return [it.index, it.subject === gone ? { ...person, erased: true } : person];
    });
    return { job, message, people: new Map(people) };
  });
}

const dueRecipients = (job: Job): Job['state']['requested']['recipients'] =>
  [...new Set(job.due.map((it) => indexOf(it.n)))].flatMap((index) => job.recipients.get(index) ?? []);
const handlesOf = (facts: ProfileFacts | undefined): readonly Sealed[] =>
  facts === undefined ? [] : [...(facts.profile === undefined ? [] : [facts.profile]), ...Object.values(facts.endpoints)];

const openAll = async (vault: Vault, handles: readonly Sealed[]): Promise<ReadonlyMap<string, Opened<unknown>>> => {
  const opened = await vault.open(handles);
  return new Map(handles.map((it, i) => [it.sealed, opened[i] ?? 'erased']));
};

/** Undefined: erased, or there was nothing. */
type Open = <T>(it: Personal<T> | undefined) => T | undefined;
function opener(opened: ReadonlyMap<string, Opened<unknown>>): Open {
  return <T>(it: Personal<T> | undefined) => {
    if (it === undefined) return undefined;
    if (!isSealed(it)) return it.open;
    const found = opened.get(it.sealed);
    // eslint-disable-next-line @typescript-eslint/consistent-type-assertions -- what was sealed as a T opens as one; the blob is authenticated
    return found === undefined || found === 'erased' ? undefined : (found.value as T);
  };
}

function personOf(it: RequestedRecipient, facts: ProfileFacts | undefined, open: Open, sender: Sender): Person {
  const inline = open<InlinePerson>(it.person);
  const own = open<OwnPart>(it.own);
  const profile = open<Profile>(facts?.profile);
  const lost = (sealed: Personal<unknown> | undefined, value: unknown): boolean => sealed !== undefined && value === undefined;
  // What the request says of a person beats what the profile says.
  const { locale, timeZone, name }: Said = { locale: sender.locale, timeZone: sender.timeZone, ...profile, ...inline };
  return {
    subject: it.subject,
    erased: lost(it.person, inline) || lost(it.own, own) || lost(facts?.profile, profile),
    addresses: addressesOf(inline, profile, (channel) => open<OwnAddress>(facts?.endpoints[channel])?.address),
    profileVersion: facts?.version ?? null,
    locale,
    timeZone,
    recipient: { ...profile?.attributes, ...present({ name }) },
    variables: {},
    attachments: [],
    ...present({ variables: own?.variables, attachments: own?.attachments }),
  };
}
type Said = { readonly locale: string; readonly timeZone: string; readonly name?: string };

const INLINE = { email: 'email', sms: 'phone', push: 'pushToken', in_app: undefined, webhook: 'webhookUrl', wallet: 'walletId' } as const;
const PROFILE = { email: 'email', sms: 'phone' } as const;

function addressesOf(
  inline: InlinePerson | undefined,
  profile: Profile | undefined,
  endpoint: (channel: Channel) => string | undefined,
): Person['addresses'] {
  const found: Partial<Record<Channel, { address: string; source: 'request' | 'profile' }>> = {};
  for (const channel of CHANNELS) {
    const [member, kept] = [INLINE[channel], channel === 'email' || channel === 'sms' ? PROFILE[channel] : undefined];
    const own = member === undefined ? undefined : inline?.[member];
    const known = kept === undefined ? endpoint(channel) : profile?.[kept];
    if (own !== undefined) found[channel] = { address: own, source: 'request' };
    else if (known !== undefined) found[channel] = { address: known, source: 'profile' };
  }
  return found;
}

/** Where a delivery goes. In-app messages go to the person: their inbox is theirs without an address. */
export function addressOf(person: Person, n: number): { readonly address: string; readonly source: 'request' | 'profile' } | null {
  const channel = channelOf(n);
  return person.addresses[channel] ?? (channel === 'in_app' ? { address: person.subject, source: 'profile' } : null);
}

/** Whom and where the group concerns, as it is declared in the claim. */
export function addressTexts(opened: readonly OpenedJob[]): readonly string[] {
  const texts = opened.flatMap(({ job, people }) =>
    job.due.flatMap(({ n }) => {
      const person = people.get(indexOf(n));
      const found = person === undefined ? null : addressOf(person, n);
      return found === null ? [] : [addressKeyText(channelOf(n), found.address)];
    }),
  );
  return [...new Set(texts)];
}
