import { channelOf, deliveryIdOf, indexOf } from '../../domain/notification/delivery.ts';
import type { AttachmentRef, Message } from '../../domain/values/message.ts';
import { localeChain } from '../../domain/policy/locale.ts';
import type { Content } from '../../domain/values/content.ts';
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
export type ComposedJob = { readonly judged: JudgedJob; readonly ready: readonly Ready[]; readonly failed: ReadonlyMap<number, string> };

/** Renders what goes (mechanics.md §6 step 7). What does not render is a planned failure: a second try would give the same. */
export async function composeJob(ports: Pick<DispatchPorts, 'material' | 'renderer'>, judged: JudgedJob): Promise<ComposedJob> {
  const { job, message, people } = judged.opened;
  const going = judged.outcomes.filter((it) => it.plan === 'go').map((it) => it.n);
  const failed = new Map<number, string>();
  const ready: Ready[] = [];
  if (going.length === 0) return { judged, ready, failed };
  if (message === 'erased') return { judged, ready, failed: new Map(going.map((n) => [n, 'content_erased'])) };
  const { template } = job.state.requested.terms;
  const sender = await ports.material.sender(job.tenant);
  const localised = template && (await ports.material.template(job.tenant, template.key, template.version));
  const files = await filesOf(ports, judged, going, message);
  for (const n of going) {
    const person = people.get(indexOf(n));
    const made = person && compose(ports.renderer, { judged, n, person, message, sender, localised, files });
    if (made === undefined || 'failed' in made) failed.set(n, made?.failed ?? 'content_missing');
    else ready.push(made);
  }
  return { judged, ready, failed };
}

async function filesOf(
  ports: Pick<DispatchPorts, 'material'>,
  { opened }: JudgedJob,
  going: readonly number[],
  message: Message,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const own = going.flatMap((n) => opened.people.get(indexOf(n))?.attachments ?? []);
  const ids = [...new Set([...message.attachments, ...own].map((it) => it.id))];
  return ids.length > 0 ? ports.material.files(opened.job.tenant, ids) : new Map();
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

function compose(renderer: DispatchPorts['renderer'], making: Making): Ready | { readonly failed: string } {
  const { judged, n, person, message, sender } = making;
  const { job } = judged.opened;
  const [it, provider, to] = [job.state.deliveries.get(n), judged.providers.get(n), addressOf(person, n)];
  const { content, locale } = contentFor(making);
  if (it === undefined || provider === undefined || to === null || content === undefined) return { failed: 'content_missing' };
  const variables = { ...message.variables, ...person.variables };
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
    class: job.state.requested.terms.class,
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
