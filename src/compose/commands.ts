import { keySecrets } from '../adapters/crypto/keySecrets.ts';
import { checkContent, checkTemplate } from '../adapters/templating/checkTemplate.ts';
import { checkVariablesSchema, validateVariables } from '../adapters/templating/variablesSchema.ts';
import { acceptNotifications } from '../commands/acceptNotifications.ts';
import { auditRecorder } from '../commands/audit.ts';
import { batchCommands } from '../commands/batches.ts';
import { catalogueCommands } from '../commands/catalogue.ts';
import { notificationControls } from '../commands/controlNotifications.ts';
import { gathered } from '../commands/gathered.ts';
import { addressKeeper, keepingAddresses } from '../commands/keepAddresses.ts';
import type { NotificationPorts } from '../commands/notificationPorts.ts';
import { recordRefusals } from '../commands/recordRefusals.ts';
import { recipientCommands } from '../commands/recipients.ts';
import { templateCommands } from '../commands/templates.ts';
import { tenantCommands } from '../commands/tenants.ts';
import { uploadFile } from '../commands/uploadFile.ts';
import { pause } from '../consumers/pause.ts';
import { PortError } from '../domain/kernel/portError.ts';
import type { Position } from '../domain/values/ids.ts';
import { requestedUnder } from '../projections/notifications/queries.ts';
import type { Closing } from './closing.ts';
import type { Core } from './core.ts';

export type Commands = ReturnType<typeof openCommands>;

/** Every use case over this process's ports. */
export function openCommands(core: Core, closing: Closing) {
  const { logged, clock, ids, kept, blobs, models, metrics, log } = core;
  const { indexes, subjects, vault } = logged.keys;
  const base = { log: logged.log, clock, ids, indexes };
  const shown = afterwards(core);
  const audit = auditRecorder({
    ...base,
    lost: (entries, error) => {
      metrics.auditLost.inc(entries);
      log.error('entries of the audit were lost', { count: entries, error });
    },
  });
  closing.add('audit', () => audit.drain());
  const recipients = recipientCommands({ ...base, vault, subjects });
  const notifications: NotificationPorts = {
    ...base,
    subjects,
    catalogues: kept.catalogues,
    templates: kept.templates,
    files: blobs,
    checkVariables: (schema, variables) => validateVariables({ ...schema }, { ...variables }),
    checkContent,
    keepAddresses: addressKeeper(recipients),
    recordRefusals: recordRefusals(audit, clock),
    watch: (outcome, count) => {
      metrics.accepted.inc({ outcome }, count);
    },
  };
  const tenants = tenantCommands({ ...base, keySecrets });
  return {
    audit,
    accept: keepingAddresses(gathered(acceptNotifications(notifications).accept, GATHERED), notifications.keepAddresses),
    batches: batchCommands(notifications),
    controls: notificationControls({
      ...base,
      subjects,
      findByKey: async (tenant, key, after) => {
        const head = after === undefined ? await logged.feed.head() : 'start';
        // What is not found would be taken for what was never asked for, and still go out.
        if (head !== 'start' && (await models.waitFor('notifications', head, { boundMs: SHOWN_MS })) !== 'reached')
          throw new PortError('unavailable', 'not_caught_up', 'the look-up of keys lies behind the log');
        return models.asApi(tenant, 'notifications', (tx, suffix) => requestedUnder(tx, suffix, { tenant, key, after }));
      },
      pause: (ms) => pause(clock, ms),
    }),
    recipients,
    uploadFile: uploadFile({ uploads: blobs, indexes }),
    catalogue: shown('catalogue', catalogueCommands({ ...base, checkSchema: checkVariablesSchema })),
    templates: shown('templates', templateCommands({ ...base, check: checkTemplate })),
    tenants: { ...tenants, ...shown('tenants', tenants) },
  };
}

/** Requests in one look-up of people and one append, and how many of these: two, so that the store has one while the other is prepared. */
const GATHERED = { most: 200, atOnce: 2 };
const SHOWN_MS = 5000;

/**
 * What the next request of the same caller must already see (a type declared just now, a key revoked): the command answers once the
 * read model has it, at most after five seconds; caches of this process are emptied then.
 */
function afterwards({ models, kept }: Core) {
  return <C extends Readonly<Record<string, (...args: never[]) => Promise<unknown>>>>(projection: string, commands: C): C => {
    const wrapped = Object.entries(commands).map(([name, command]) => [
      name,
      async (...args: never[]) => {
        const result = await command(...args);
        const position = positionIn(result);
        if (position !== undefined) await models.waitFor(projection, position, { boundMs: SHOWN_MS });
        kept.forget();
        return result;
      },
    ]);
    // eslint-disable-next-line @typescript-eslint/consistent-type-assertions -- the same names with the same signatures; entries lose them
    return Object.fromEntries(wrapped) as C;
  };
}

const positionIn = (result: unknown): Position | undefined =>
  // eslint-disable-next-line @typescript-eslint/consistent-type-assertions -- commands that answer a position answer it under this name
  typeof result === 'object' && result !== null && 'position' in result ? (result.position as Position | undefined) : undefined;
