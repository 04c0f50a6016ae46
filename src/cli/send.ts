import { randomUUID } from 'node:crypto';
import { Command, Option } from 'commander';
import { CHANNELS, PRIORITIES } from '../domain/values/channel.ts';
import { entriesOf, textIn } from './answer.ts';
import { readText } from './configuration.ts';
import { EXIT, Failure } from './failure.ts';
import { openService, withServiceOptions, type ServiceOptions } from './service.ts';
import { cell, print, printJson, tableOf, type Io } from './terminal.ts';

type SendOptions = ServiceOptions & {
  readonly file?: string;
  readonly idempotencyKey?: string;
  readonly type?: string;
  readonly category?: string;
  readonly recipient?: readonly string[];
  readonly email?: readonly string[];
  readonly phone?: readonly string[];
  readonly subject?: string;
  readonly text?: string;
  readonly html?: string;
  readonly sms?: string;
  readonly template?: string;
  readonly var?: readonly string[];
  readonly channel?: readonly string[];
  readonly priority?: string;
  readonly at?: string;
  readonly key?: string;
};

const usage = (message: string): Failure => new Failure(EXIT.usage, message, 'See ./tidings send --help');

const MESSAGE_OPTIONS = [
  ...(['type', 'category', 'recipient', 'email', 'phone', 'subject', 'text', 'html', 'sms', 'template', 'var'] as const),
  ...(['channel', 'priority', 'at', 'key'] as const),
];

async function textOf(file: string, io: Io): Promise<string> {
  if (file !== '-') {
    try {
      return readText(file);
    } catch {
      throw usage(`${file} cannot be read.`);
    }
  }
  const parts: Uint8Array[] = [];
  for await (const part of io.stdin) parts.push(typeof part === 'string' ? Buffer.from(part) : part);
  return Buffer.concat(parts).toString('utf8');
}

async function requestIn(file: string, io: Io): Promise<unknown> {
  const text = await textOf(file, io);
  try {
    return JSON.parse(text);
  } catch {
    throw usage(`${file === '-' ? 'What came on stdin' : file} is not JSON.`);
  }
}

/** `name=value`: the value as JSON where it is JSON, so that 3 is a number; else as it stands. */
function variablesOf(given: readonly string[]): Readonly<Record<string, unknown>> {
  const pairs = given.map((pair) => {
    const at = pair.indexOf('=');
    if (at < 1) throw usage('--var takes name=value.');
    return [pair.slice(0, at), valueOf(pair.slice(at + 1))] as const;
  });
  return Object.fromEntries(pairs);
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const oneOf = <T>(name: string, value: T | undefined): Readonly<Record<string, T>> => (value === undefined ? {} : { [name]: value });

function contentOf({ subject, text, html, sms }: SendOptions): Readonly<Record<string, unknown>> | undefined {
  const email = { ...oneOf('subject', subject), ...oneOf('text', text), ...oneOf('html', html) };
  const content = { ...(Object.keys(email).length === 0 ? {} : { email }), ...(sms === undefined ? {} : { sms: { text: sms } }) };
  return Object.keys(content).length === 0 ? undefined : content;
}

function requestOf(options: SendOptions): object {
  const { type, recipient = [], email = [], phone = [] } = options;
  const recipients = [...recipient, ...email.map((it) => ({ email: it })), ...phone.map((it) => ({ phone: it }))];
  if (type === undefined) throw usage('--type is missing: what happened, such as welcome or order_shipped.');
  if (recipients.length === 0) throw usage('Nobody is named: give --recipient, --email or --phone.');
  return {
    type,
    recipients,
    ...oneOf('category', options.category),
    ...oneOf('priority', options.priority),
    ...oneOf('key', options.key),
    ...oneOf('template', options.template),
    ...oneOf('content', contentOf(options)),
    ...oneOf('channels', options.channel),
    ...oneOf('variables', options.var && variablesOf(options.var)),
    ...oneOf('schedule', options.at === undefined ? undefined : { at: options.at }),
  };
}

async function bodyOf(options: SendOptions, io: Io): Promise<unknown> {
  if (options.file === undefined) return requestOf(options);
  const besides = MESSAGE_OPTIONS.filter((name) => options[name] !== undefined);
  if (besides.length > 0) throw usage(`--file holds the whole request: leave out --${besides.join(', --')}.`);
  return requestIn(options.file, io);
}

async function send(options: SendOptions, io: Io): Promise<void> {
  const body = await bodyOf(options, io);
  const service = openService(options, io);
  // Chosen here, so that a request whose answer was lost can be sent again without being carried out twice.
  const idempotencyKey = options.idempotencyKey ?? randomUUID();
  const answer = await service
    .post('/v1/notifications', { body, headers: { 'Idempotency-Key': idempotencyKey } })
    .catch((error: unknown) => {
      if (!(error instanceof Failure) || error.exit !== EXIT.unreachable) throw error;
      throw new Failure(EXIT.unreachable, ...error.lines, `To send it again without sending it twice: --idempotency-key ${idempotencyKey}`);
    });
  if (options.json) {
    printJson(io, answer.body);
    return;
  }
  const id = textIn(answer.body, 'id') ?? '';
  const replayed = answer.headers.get('Idempotency-Replayed') === 'true' ? ' (already, by the same idempotency key)' : '';
  const verdicts = entriesOf(answer.body, 'recipients');
  print(io, `accepted ${cell(id)}${replayed}`, '');
  print(
    io,
    ...tableOf(
      ['#', 'RECIPIENT', 'STATUS', 'WHY'],
      verdicts.map((it) => [cell(it['index']), cell(it['recipientId']), cell(it['status']), whyOf(it)]),
    ),
  );
  print(io, '', `What becomes of it: ./tidings explain ${cell(id)}`);
}

const whyOf = ({ code, detail }: Readonly<Record<string, unknown>>): string =>
  code === undefined ? '-' : `${cell(code)}${detail === undefined ? '' : `: ${cell(detail)}`}`;

const HELP = `
Examples:
  $ ./tidings send --email a@example.com --type welcome --category transactional --subject 'Hello {{ name }}' --text 'Good to see you.' --var name=Ana
  $ ./tidings send --recipient user-1 --type order_shipped --template order-shipped --var orderNumber='"A-1"'
  $ ./tidings send --file request.json
  $ jq '.type = "welcome"' request.json | ./tidings send --file -`;

/** `tidings send` */
export const sendCommand = (io: Io): Command =>
  withServiceOptions(
    new Command('send')
      .description('ask for a notification (POST /v1/notifications)')
      .option('--file <file>', 'the whole request as JSON; - is stdin')
      .option('--type <type>', 'what happened')
      .option('--category <category>', 'needed where the catalogue does not name the type')
      .option('--recipient <ids...>', 'your own ids of people')
      .option('--email <addresses...>', 'people by their addresses')
      .option('--phone <numbers...>', 'people by their numbers, such as +4366412345678')
      .option('--subject <text>', 'of the e-mail')
      .option('--text <text>', 'of the e-mail')
      .option('--html <html>', 'of the e-mail')
      .option('--sms <text>', 'of the text message')
      .option('--template <key>', 'a published template, instead of content')
      .option('--var <name=value...>', 'variables; a value that is JSON is taken as JSON')
      .addOption(new Option('--channel <channels...>', 'these alone').choices(CHANNELS))
      .addOption(new Option('--priority <priority>').choices(PRIORITIES))
      .option('--at <instant>', 'not before, such as 2026-12-01T09:00:00Z')
      .option('--key <key>', 'your own name for it, by which it can be cancelled')
      .option('--idempotency-key <key>', 'a repeat with the same key does nothing (default: a new one)'),
  )
    .addHelpText('after', HELP)
    .action((options: SendOptions) => send(options, io));
