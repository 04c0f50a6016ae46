import type { IfVersion } from '../domain/kernel/precondition.ts';
import { isRejection, type Rejection } from '../domain/kernel/rejection.ts';
import type { Draft, TemplateEvent } from '../domain/template/events.ts';
import type { Problem, Template, TemplateCode, TemplateCommand } from '../domain/template/template.ts';
import type { Position } from '../domain/values/ids.ts';
import type { Instant } from '../domain/values/instant.ts';
import { contextOf, type Caller, type ContextPorts } from './caller.ts';
import { handle, handlePrepared, onlyOne, type Handled } from './handle.ts';
import type { EventLog } from './ports.ts';
import { TEMPLATE } from './registry.ts';

/** A problem in words. */
type Told = Problem & { readonly message: string };
export type TemplatePorts = ContextPorts & {
  readonly log: EventLog;
  /** All that keeps a draft from being published. */
  readonly check: (draft: Draft) => readonly Told[];
};
/** `errors`: all that is wrong with a draft, each with its place. */
export type TemplateRefusal = Rejection<TemplateCode> & {
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
};
export type DraftResult = { readonly draft: number; readonly content: Draft; readonly created: boolean; readonly position?: Position };
/** `current`: the version that is sent from now on. */
export type VersionResult = { readonly current: number; readonly latest: number; readonly draft: number; readonly position?: Position };

/** Use cases about templates; keys match `[A-Za-z0-9_.:-]{1,128}`. All throw PortError. */
export function templateCommands(ports: TemplatePorts) {
  const run = handle(ports.log, TEMPLATE);
  const publishChecked = handlePrepared<
    { readonly key: string; readonly now: Instant; readonly checked: (problems: readonly Told[]) => void },
    TemplateCommand,
    Template,
    TemplateEvent,
    TemplateCode
  >(ports.log, TEMPLATE, (loaded) =>
    Promise.resolve(
      loaded.map(({ input: { checked, ...input }, state }) => {
        const draft = state.status === 'absent' ? 0 : state.draft;
        const problems = state.status === 'absent' ? [] : ports.check(state.content);
        checked(problems);
        return { type: 'PublishVersion', data: { ...input, draft, problems } };
      }),
    ),
  );

  /** Replaces the whole draft; nothing is sent from it before it is published. */
  async function draft(caller: Caller, key: string, content: Draft, ifVersion?: IfVersion): Promise<DraftResult | TemplateRefusal> {
    const context = await contextOf(ports, caller, 'templates');
    const data = { key, content, now: context.envelope.occurredAt, ...(ifVersion !== undefined && { ifVersion }) };
    const outcome = await run({ id: key, input: { type: 'DraftTemplate', data }, context });
    if (isRejection<TemplateCode>(outcome)) return outcome;
    const { state, events, position } = outcome;
    const created = events.some((event) => event.type === 'TemplateDrafted' && event.data.draft === 1);
    return { draft: state.status === 'absent' ? 0 : state.draft, content, created, ...(position !== undefined && { position }) };
  }

  /** Checks the draft as it stands and makes a version of it, which is sent from now on. */
  async function publish(caller: Caller, key: string): Promise<VersionResult | TemplateRefusal> {
    const context = await contextOf(ports, caller, 'templates/publish');
    let problems: readonly Told[] = [];
    const checked = (found: readonly Told[]): void => {
      problems = found;
    };
    const input = { key, now: context.envelope.occurredAt, checked };
    const result = versionResult(onlyOne(await publishChecked([{ id: key, input, context }])));
    if (!isRejection(result) || problems.length === 0) return result;
    return { ...result, errors: problems.map(({ path, line, column, message }) => ({ path, message: `${line}:${column} ${message}` })) };
  }

  async function rollBack(caller: Caller, key: string, version: number): Promise<VersionResult | TemplateRefusal> {
    const context = await contextOf(ports, caller, 'templates/rollback');
    const data = { key, version, now: context.envelope.occurredAt };
    return versionResult(await run({ id: key, input: { type: 'RollBackVersion', data }, context }));
  }

  return { draft, publish, rollBack };
}

function versionResult(outcome: Handled<Template, TemplateEvent> | TemplateRefusal): VersionResult | TemplateRefusal {
  if (isRejection<TemplateCode>(outcome)) return outcome;
  const { state, position } = outcome;
  if (state.status !== 'published') throw new TypeError('a template took a version and has none');
  return { current: state.current, latest: state.latest, draft: state.draft, ...(position !== undefined && { position }) };
}
