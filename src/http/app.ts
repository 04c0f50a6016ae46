import express from 'express';
import type { Express, NextFunction, Request, Response } from 'express';
import helmet from 'helmet';
import type { Ids } from '../commands/ports.ts';
import { present } from '../domain/kernel/present.ts';
import type { Operation } from './operation.ts';
import type { RequestLog } from './ports.ts';
import { isRefusal, refuse, Refused } from './problems.ts';
import type { Refusal } from './problems.ts';
import { sendAnswer, sendProblem } from './reply.ts';
import { requestIdOf, traceparentOf } from './requestFacts.ts';
import type { RequestFacts } from './requestFacts.ts';
import { refusalOf, routeOf, serving } from './serve.ts';
import type { ServePorts } from './serve.ts';
import { ClientGone } from './wire.ts';

export type AppPorts = ServePorts & { readonly ids: Ids; readonly log: RequestLog };

/** Pages and files that are no operation of the API. */
export type Pages = (app: Express, serve: PageServer) => void;
/** Runs a page's handler; what it throws becomes a problem, as everywhere. */
export type PageServer = (
  name: string,
  handler: (req: Request, res: Response, facts: RequestFacts) => Promise<void>,
) => express.RequestHandler;

/** An answer of the API is data: nothing in it may be run, framed or kept. */
const SECURITY = helmet({
  contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
  referrerPolicy: { policy: 'no-referrer' },
  // The proxy that ends TLS says it; over plain HTTP it means nothing.
  strictTransportSecurity: false,
});

/** What is known of a request before anything else happens to it. */
function openRequest(req: Request, res: Response, ports: AppPorts): RequestFacts {
  const gone = new AbortController();
  res.once('close', () => {
    if (!res.writableFinished) gone.abort();
  });
  const facts: RequestFacts = { requestId: requestIdOf(req, () => ports.ids.uuid()), traceparent: traceparentOf(req), signal: gone.signal };
  res.setHeader('X-Request-Id', facts.requestId);
  if (facts.traceparent !== undefined) res.setHeader('traceparent', facts.traceparent);
  res.setHeader('Cache-Control', 'private, no-store');
  return facts;
}

/** Logs and counts a request once it is over, by the name of its operation and never by its path. */
function observed(operation: string, res: Response, ports: AppPorts, facts: () => RequestFacts | undefined): (code: string) => void {
  const finish = ports.log.begin();
  let problem: string | undefined;
  res.once('close', () => {
    const { requestId = '', tenant } = facts() ?? {};
    finish({ operation, method: res.req.method, status: res.statusCode, requestId, ...present({ tenant, code: problem }) });
  });
  return (code) => {
    problem = code;
  };
}

/**
 * The whole outside of the service as one express application: every operation under its path, the pages beside them, and problems for
 * everything else. It opens no socket.
 */
export function createApp(operations: readonly Operation[], pages: readonly Pages[], ports: AppPorts): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.set('query parser', 'simple');
  app.set('case sensitive routing', true);
  app.use(SECURITY);

  function handling(name: string, handle: (req: Request, res: Response, facts: RequestFacts) => Promise<Refusal | undefined>) {
    return async (req: Request, res: Response): Promise<void> => {
      const facts = openRequest(req, res, ports);
      const tell = observed(name, res, ports, () => facts);
      const refuseWith = (refusal: Refusal): void => {
        tell(refusal.rejected);
        sendProblem(res, refusal, facts.requestId, ports.time);
      };
      try {
        const refusal = await handle(req, res, facts);
        if (refusal !== undefined) refuseWith(refusal);
      } catch (error) {
        if (error instanceof ClientGone || res.destroyed) res.destroy();
        else if (res.headersSent) {
          // Half an answer is out: breaking off is the only way to say that it is not whole.
          if (!(error instanceof Refused)) ports.log.failed(error, facts.requestId);
          res.destroy();
        } else refuseWith(refusalOf(error, (it) => ports.log.failed(it, facts.requestId)));
      }
    };
  }

  const methodsOf = new Map<string, string[]>();
  for (const operation of operations) {
    const serve = serving(operation, ports);
    const route = routeOf(operation.path);
    methodsOf.set(route, [...(methodsOf.get(route) ?? []), operation.method.toUpperCase()]);
    app[operation.method](
      route,
      handling(operation.id, async (req, res, facts) => {
        const reply = await serve(req, res, facts);
        if (isRefusal(reply)) return reply;
        await sendAnswer(res, reply, ports.time);
        return undefined;
      }),
    );
  }

  const page: PageServer = (name, handler) =>
    handling(name, async (req, res, facts) => {
      await handler(req, res, facts);
      return undefined;
    });
  for (const install of pages) install(app, page);

  const shapes = [...methodsOf].map(([route, methods]) => ({ methods, shape: new RegExp(`^${route.replaceAll(/:\w+/g, '[^/]+')}/?$`) }));
  for (const route of methodsOf.keys()) {
    app.all(
      route,
      handling('methodNotAllowed', (req) => {
        // A path can be that of an operation and, where it takes an id, of another one too.
        const methods = new Set(shapes.flatMap((it) => (it.shape.test(req.path) ? it.methods : [])));
        const Allow = [...methods, ...(methods.has('GET') ? ['HEAD'] : [])].join(', ');
        return Promise.resolve(refuse('method_not_allowed', `Use one of ${Allow}.`, { headers: { Allow } }));
      }),
    );
  }
  app.use(handling('unknownPath', () => Promise.resolve(refuse('not_found', 'There is nothing at this path; /docs lists what there is.'))));
  app.use((error: unknown, req: Request, res: Response, _next: NextFunction) =>
    handling('unroutable', () =>
      Promise.resolve(
        refusalOf(error, (it) =>
          ports.log.failed(
            it,
            requestIdOf(req, () => ''),
          ),
        ),
      ),
    )(req, res),
  );
  return app;
}
