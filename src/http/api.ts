import type { Acceptance, AcceptRequest } from '../commands/acceptance.ts';
import type { batchCommands } from '../commands/batches.ts';
import type { catalogueCommands } from '../commands/catalogue.ts';
import type { notificationControls } from '../commands/controlNotifications.ts';
import type { EventLog, Indexes, Subjects, Vault } from '../commands/ports.ts';
import type { recipientCommands } from '../commands/recipients.ts';
import type { templateCommands } from '../commands/templates.ts';
import type { tenantCommands } from '../commands/tenants.ts';
import { explaining } from './explaining.ts';
import { notificationQueries } from './notificationQueries.ts';
import type { Operation } from './operation.ts';
import type { Captures, Health, MetricsText, ParkedActions, Previewer, Projections, Reads } from './ports.ts';
import { actionRoutes } from './routes/actions.ts';
import { auditRoutes } from './routes/audit.ts';
import { attachmentRoutes, type AttachmentPorts } from './routes/attachments.ts';
import { batchReadRoutes } from './routes/batchReads.ts';
import { batchRoutes } from './routes/batches.ts';
import { bulkNotificationRoutes } from './routes/bulkNotifications.ts';
import { bulkRecipientRoutes } from './routes/bulkRecipients.ts';
import { capturedRoutes } from './routes/captured.ts';
import { catalogueRoutes } from './routes/catalogue.ts';
import { deadLetterRoutes } from './routes/deadLetters.ts';
import { deliveryRoutes } from './routes/deliveries.ts';
import { documentRoutes } from './routes/document.ts';
import { explainRoutes } from './routes/explain.ts';
import { notificationReadRoutes } from './routes/notificationReads.ts';
import { notificationRoutes } from './routes/notifications.ts';
import { projectionRoutes } from './routes/projections.ts';
import { recipientAddressRoutes } from './routes/recipientAddresses.ts';
import { recipientRoutes } from './routes/recipients.ts';
import { serviceRoutes } from './routes/service.ts';
import { templatePreviewRoutes } from './routes/templatePreview.ts';
import { templateRoutes } from './routes/templates.ts';
import { tenantRoutes } from './routes/tenants.ts';
import type { Checks } from './validation.ts';

/** Everything that stands behind the API. */
export type ApiPorts = {
  /** `acceptNotifications(…).accept`. */
  readonly accept: (requests: readonly AcceptRequest[]) => Promise<readonly Acceptance[]>;
  readonly notifications: ReturnType<typeof notificationControls>;
  readonly batches: ReturnType<typeof batchCommands>;
  readonly recipients: ReturnType<typeof recipientCommands>;
  readonly catalogue: ReturnType<typeof catalogueCommands>;
  readonly templates: ReturnType<typeof templateCommands>;
  readonly tenants: ReturnType<typeof tenantCommands>;
  readonly log: EventLog;
  readonly people: Pick<Subjects, 'find' | 'labels'>;
  readonly indexes: Indexes;
  readonly vault: Vault;
  readonly uploadFile: AttachmentPorts['uploadFile'];
  readonly reads: Reads;
  readonly captures: Captures;
  readonly previewer: Previewer;
  readonly projections: Projections;
  readonly actions: ParkedActions;
  readonly health: Health;
  readonly metrics: MetricsText;
  /** The same that check the requests. */
  readonly checks: Checks;
  /** A bug, or something that is down, in a line of a bulk. */
  readonly failed: (error: unknown, requestId: string) => void;
  readonly version: string;
  /** `TIDINGS_PUBLIC_URL`. */
  readonly url: string;
  readonly redoc: () => Promise<string>;
};

/** All operations of the API, the document that describes them among them. */
export function apiOperations(ports: ApiPorts): readonly Operation[] {
  const { accept, notifications: controls, people, indexes, vault, reads, checks, failed } = ports;
  const queries = notificationQueries(reads);
  const told = explaining(ports.log);
  const operations = [
    ...notificationRoutes({ accept, controls }),
    ...bulkNotificationRoutes({ accept, checks, failed }),
    ...notificationReadRoutes({ queries, people, indexes, vault, explaining: told }),
    ...deliveryRoutes({ queries, people }),
    ...explainRoutes({ queries, people, indexes, reads, explaining: told }),
    ...deadLetterRoutes({ queries, people, controls }),
    ...batchRoutes({ commands: ports.batches, checks }),
    ...batchReadRoutes({ reads, queries, people }),
    ...attachmentRoutes(ports),
    ...capturedRoutes({ captures: ports.captures }),
    ...recipientRoutes({ commands: ports.recipients, people, indexes, vault, reads }),
    ...bulkRecipientRoutes({ commands: ports.recipients, checks, failed }),
    ...recipientAddressRoutes({ commands: ports.recipients }),
    ...catalogueRoutes({ commands: ports.catalogue, reads }),
    ...templateRoutes({ commands: ports.templates, reads }),
    ...templatePreviewRoutes({ reads, people, vault, previewer: ports.previewer, accept }),
    ...tenantRoutes({ commands: ports.tenants, reads }),
    ...auditRoutes({ reads, people }),
    ...projectionRoutes({ projections: ports.projections }),
    ...actionRoutes({ actions: ports.actions }),
    ...serviceRoutes({ health: ports.health, metrics: ports.metrics }),
  ];
  return [...operations, ...documentRoutes(operations, { version: ports.version, url: ports.url, redoc: ports.redoc })];
}
