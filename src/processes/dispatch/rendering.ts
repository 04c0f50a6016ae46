import { channelOf, deliveryIdOf, indexOf } from '../../domain/notification/delivery.ts';
import type { AttachmentRef, Message } from '../../domain/values/message.ts';
import { localeChain } from '../../domain/policy/locale.ts';
import type { Content } from '../../domain/values/content.ts';
import type { TenantId } from '../../domain/values/ids.ts';
import type { JudgedJob } from '../planning/judgeDeliveries.ts';
import { addressOf, type Person } from './people.ts';
import type { DispatchPorts, Localised, Sender } from './ports.ts';
import type { Attachment, ChannelMessage, Outgoing, Provider } from './provider.ts';
import { isRenderFailure, type RenderedContent } from './renderer.ts';

/** A rendered message, ready to leave, and what its start needs to know. */
export type Ready = {
  readonly n: number;
  readonly outgoing: Outgoing;
  readonly attempt: number;
  readonly provider: Provider;
  readonly locale: string;
};
export type RenderedJob = { readonly judged: JudgedJob; readonly ready: readonly Ready[]; readonly failed: ReadonlyMap<number, string> };

type Materials = {
  readonly sender: Sender;
  /** By key and version. */
  readonly templates: ReadonlyMap<string, Localised | undefined>;
  readonly files: ReadonlyMap<string, Uint8Array>;
};
type RenderPorts = Pick<DispatchPorts, 'material' | 'renderer' | 'clock' | 'pause'>;

/** Milliseconds of rendering after which others get their turn: requests are answered, leases renewed. */
const SLICE_MS = 20;

function slices({ clock, pause }: Pick<DispatchPorts, 'clock' | 'pause'>): () => Promise<void> {
  let since = clock.epochMs();
  return async () => {
    if (clock.epochMs() - since < SLICE_MS) return;
    await pause(0);
    since = clock.epochMs();
  };
}

/** Renders what goes (docs/architecture.md, step 7): templates and files of the group are fetched once, whoever needs them. */
export async function renderJobs(ports: RenderPorts, tenant: TenantId, group: readonly JudgedJob[]): Promise<readonly RenderedJob[]> {
  const going = group.filter(({ outcomes }) => outcomes.some((it) => it.plan === 'go'));
  if (going.length === 0) return group.map((judged) => ({ judged, ready: [], failed: new Map() }));
  const wanted = new Map(
    going.flatMap(({ opened }) => opened.job.state.requested.terms.template ?? []).map((it) => [templateName(it), it]),
  );
  const ids = [...new Set(going.flatMap(fileIds))];
  const { material } = ports;
  const [sender, files, ...templates] = await Promise.all([
    material.sender(tenant),
    ids.length > 0 ? material.files(tenant, ids) : new Map<string, Uint8Array>(),
    ...[...wanted].map(async ([name, { key, version }]) => [name, await material.template(tenant, key, version)] as const),
  ]);
  const materials = { sender, files, templates: new Map(templates) };
  const [rendered, breathe]: [RenderedJob[], () => Promise<void>] = [[], slices(ports)];
  for (const judged of group) rendered.push(await renderJob(ports.renderer, judged, materials, breathe));
  return rendered;
}

const templateName = ({ key, version }: { readonly key: string; readonly version: number }): string => `${key} ${String(version)}`;
const goingOf = ({ outcomes }: JudgedJob): readonly number[] => outcomes.filter((it) => it.plan === 'go').map((it) => it.n);

function fileIds(judged: JudgedJob): readonly string[] {
  const { message, people } = judged.opened;
  if (message === 'erased') return [];
  const own = goingOf(judged).flatMap((n) => people.get(indexOf(n))?.attachments ?? []);
  return [...message.attachments, ...own].map((it) => it.id);
}

/** What does not render is a planned failure: a second try would give the same. */
async function renderJob(
  renderer: DispatchPorts['renderer'],
  judged: JudgedJob,
  { sender, templates, files }: Materials,
  breathe: () => Promise<void>,
): Promise<RenderedJob> {
  const { job, message, people } = judged.opened;
  const going = goingOf(judged);
  const failed = new Map<number, string>();
  const ready: Ready[] = [];
  if (message === 'erased') return { judged, ready, failed: new Map(going.map((n) => [n, 'content_erased'])) };
  const { template } = job.state.requested.terms;
  const localised = template && templates.get(templateName(template));
  for (const n of going) {
    await breathe();
    const person = people.get(indexOf(n));
    const made = person && renderOne(renderer, { judged, n, person, message, sender, localised, files });
    if (made === undefined || 'failed' in made) failed.set(n, made?.failed ?? 'content_missing');
    else ready.push(made);
  }
  return { judged, ready, failed };
}

type Making = {
  readonly judged: JudgedJob;
  readonly n: number;
  readonly person: Person;
  readonly message: Message;
  readonly sender: Sender;
  readonly localised: Localised | undefined;
  readonly files: ReadonlyMap<string, Uint8Array>;
};

function renderOne(renderer: DispatchPorts['renderer'], making: Making): Ready | { readonly failed: string } {
  const { judged, n, person, message, sender } = making;
  const { job } = judged.opened;
  const [it, provider, to] = [job.state.deliveries.get(n), judged.providers.get(n), addressOf(person, n)];
  const { content, locale } = contentFor(making);
  if (it === undefined || provider === undefined || to === null || content === undefined) return { failed: 'content_missing' };
  // What the request says beats what is known of the person, and what it says of them beats what it says to all.
  const variables = { recipient: person.recipient, ...message.variables, ...person.variables };
  const rendered = renderer.render({ content, channel: channelOf(n), variables, locale, timeZone: person.timeZone });
  if (isRenderFailure(rendered)) return { failed: rendered.failed };
  const refs = [...message.attachments, ...person.attachments];
  if (refs.some((ref) => !making.files.has(ref.id))) return { failed: 'attachment_missing' };
  const deliveryId = deliveryIdOf(job.state.requested.notificationId, n);
  const outgoing: Outgoing = {
    tenant: job.tenant,
    notificationId: job.state.requested.notificationId,
    deliveryId,
    subject: person.subject,
    key: `${deliveryId}.${it.attempt}`,
    message: addressed(rendered, to.address, sender, attachmentsOf(refs, making.files)),
  };
  return { n, outgoing, attempt: it.attempt, provider, locale };
}

/** What the request brought beats the template; of a template, the person's locale and what it falls back to. */
function contentFor({ message, localised, person }: Making): { readonly content: Content | undefined; readonly locale: string } {
  if (message.content !== undefined || localised === undefined) return { content: message.content, locale: person.locale };
  const locale = localeChain(person.locale, localised.fallback).find((it) => Object.hasOwn(localised.locales, it));
  return { content: locale === undefined ? undefined : localised.locales[locale], locale: locale ?? person.locale };
}

const attachmentsOf = (refs: readonly AttachmentRef[], files: ReadonlyMap<string, Uint8Array>): readonly Attachment[] =>
  refs.flatMap(({ id, filename, contentType, disposition, contentId }) => {
    const content = files.get(id);
    return content === undefined
      ? []
      : [{ filename, contentType, content, ...(disposition && { disposition }), ...(contentId && { contentId }) }];
  });

function addressed(rendered: RenderedContent, to: string, sender: Sender, attachments: readonly Attachment[]): ChannelMessage {
  if (rendered.channel === 'email') {
    const replyTo = rendered.replyTo ?? sender.replyTo;
    return { ...rendered, from: rendered.from ?? sender.emailFrom, to, attachments, ...(replyTo === undefined ? {} : { replyTo }) };
  }
  if (rendered.channel === 'sms') return { ...rendered, to, ...(sender.smsFrom === undefined ? {} : { from: sender.smsFrom }) };
  return { ...rendered, to };
}
