import { eventually, type Answer, type Client } from './client.ts';

export type Sent = { readonly id: string; readonly position: string; readonly recipients: readonly any[]; readonly answer: Answer };
/** What becomes of notifications, as a caller can see it. */
export type Following = {
  /** Requests a notification that must be accepted. */
  readonly send: (message: object, headers?: Readonly<Record<string, string>>) => Promise<Sent>;
  /** Its deliveries, once none of them is pending; a minute is time enough where no claim is lost. */
  readonly settled: (notificationId: string, deadlineMs?: number) => Promise<readonly any[]>;
  /** Its deliveries, as the read model has them at this position. */
  readonly deliveries: (notificationId: string, position?: string) => Promise<readonly any[]>;
  /** What was captured of it, in the order of its deliveries. */
  readonly captured: (notificationId: string) => Promise<readonly any[]>;
  /** A delivery of it in one of these statuses. */
  readonly deliveryIn: (notificationId: string, ...statuses: readonly string[]) => Promise<any>;
};

export function follow(client: Client): Following {
  const list = async (path: string): Promise<readonly any[]> => {
    const { status, body } = await client.get(path);
    if (status !== 200) throw new Error(`GET ${path} answered ${String(status)}: ${JSON.stringify(body)}`);
    return body.data;
  };
  const deliveries: Following['deliveries'] = (id, position) =>
    list(`/v1/notifications/${id}/deliveries?limit=200${position === undefined ? '' : `&after=${position}`}`);
  const found = (id: string): Promise<readonly any[] | undefined> =>
    client.get(`/v1/notifications/${id}/deliveries?limit=200`).then(({ status, body }) => (status === 200 ? body.data : undefined));

  return {
    send: async (message, headers) => {
      const answer = await client.post('/v1/notifications', message, headers);
      if (answer.status !== 202) throw new Error(`it was not accepted: ${JSON.stringify(answer.body)}`);
      const { id, position, recipients } = answer.body;
      return { id, position, recipients, answer };
    },
    deliveries,
    settled: async (id, deadlineMs = 60_000) => {
      let last: unknown;
      return eventually(
        'no delivery is pending any more',
        async () => {
          const rows = await found(id);
          last = rows;
          return rows !== undefined && rows.length > 0 && rows.every(({ outcome }) => outcome !== 'pending') ? rows : undefined;
        },
        { deadlineMs, seen: () => last },
      );
    },
    captured: async (id) => {
      const rows = await list(`/v1/captured?notificationId=${id}&limit=200`);
      return [...rows].sort((a, b) => (a.deliveryId < b.deliveryId ? -1 : 1));
    },
    deliveryIn: async (id, ...statuses) => {
      let last: unknown;
      return eventually(
        `a delivery is ${statuses.join(' or ')}`,
        async () => {
          const rows = await found(id);
          last = rows;
          return rows?.find(({ status }) => statuses.includes(status as string));
        },
        { seen: () => last },
      );
    },
  };
}
