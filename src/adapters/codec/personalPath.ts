import type { SealedField } from '../../domain/kernel/storage.ts';

export type Json = { [name: string]: unknown };

/** Where a field is: steps to an object, or to an array and from its elements on. The last step is the field's own name. */
type Path = { readonly before: readonly string[]; readonly list?: string; readonly after: readonly string[] };
export type PersonalPath = { readonly field: SealedField; readonly path: Path; readonly subject?: Path };

/** One place in one event: `holder[name]`, in an element of `list` where the path leads through an array. */
export type Place = {
  readonly field: SealedField;
  readonly holder: Json;
  readonly name: string;
  readonly subject: unknown;
  readonly list?: { readonly elements: unknown[]; readonly element: unknown };
};

/** The step from an object to a member that is an object or array: as it is, or a copy put in its place. */
type Step = (from: Json | unknown[], name: string | number) => unknown;

const asIs: Step = (from, name) => (from as Json)[name];

/** Copies what it steps on, once, so that an event that a command still holds is not changed. */
function copying(): Step {
  const copies = new Set<unknown>();
  return (from, name) => {
    const member = (from as Json)[name];
    if (typeof member !== 'object' || member === null || copies.has(member)) return member;
    const copy: unknown = Array.isArray(member) ? [...(member as unknown[])] : { ...member };
    copies.add(copy);
    (from as Json)[name] = copy;
    return copy;
  };
}

const isObject = (it: unknown): it is Json => typeof it === 'object' && it !== null && !Array.isArray(it);

function parsePath(text: string): Path {
  const steps = text.split('.');
  const at = steps.findIndex((step) => step.endsWith('[]'));
  if (at === -1) return { before: [], after: steps };
  const list = steps[at]?.slice(0, -2) ?? '';
  const after = steps.slice(at + 1);
  if (after.length === 0 || after.some((step) => step.endsWith('[]')))
    throw new TypeError(`${text}: a sealed path leads through at most one array`);
  return { before: steps.slice(0, at), list, after };
}

const sameList = (a: Path, b: Path): boolean => b.list === undefined || (a.list === b.list && a.before.join('.') === b.before.join('.'));

/** @throws TypeError for a path that this cannot follow: a mistake in a `storage.ts`, found at the start. */
export function personalPath(field: SealedField): PersonalPath {
  const path = parsePath(field.path);
  if (field.onErased === 'dropElement' && path.list === undefined) throw new TypeError(`${field.path}: there is no element to drop`);
  if (field.subject === undefined) return { field, path };
  const subject = parsePath(field.subject);
  if (!sameList(path, subject)) throw new TypeError(`${field.subject}: the subject stands in the same array or outside of any`);
  return { field, path, subject };
}

function walk(from: unknown, steps: readonly string[], step: Step): unknown {
  let here = from;
  for (const name of steps) {
    if (!isObject(here)) return undefined;
    here = step(here, name);
  }
  return here;
}

/** Calls `visit` for every place where the field has a value. */
function visitPlaces(root: Json, { field, path, subject }: PersonalPath, step: Step, visit: (place: Place) => void): void {
  const name = path.after.at(-1) ?? '';
  const inner = path.after.slice(0, -1);
  const place = (scope: unknown, list?: Place['list']): void => {
    const holder = walk(scope, inner, step);
    if (!isObject(holder) || holder[name] === undefined) return;
    const whose = subject === undefined ? undefined : walk(subject.list === undefined ? root : scope, subject.after, asIs);
    visit(list === undefined ? { field, holder, name, subject: whose } : { field, holder, name, subject: whose, list });
  };
  if (path.list === undefined) {
    place(root);
    return;
  }
  const elements = walk(root, [...path.before, path.list], step);
  if (!Array.isArray(elements)) return;
  for (let index = 0; index < elements.length; index += 1) {
    const element = step(elements, index);
    place(element, { elements, element });
  }
}

/** A copy of the event's data in which every place can be written to, and these places. */
export function placesOfCopy(data: object, paths: readonly PersonalPath[]): { readonly data: Json; readonly places: readonly Place[] } {
  const copy: Json = { ...data };
  const places: Place[] = [];
  const step = copying();
  for (const path of paths) visitPlaces(copy, path, step, (place) => places.push(place));
  return { data: copy, places };
}

/** Every place in the data itself, which is the caller's to change. */
export function visitPersonal(data: Json, paths: readonly PersonalPath[], visit: (place: Place) => void): void {
  for (const path of paths) visitPlaces(data, path, asIs, visit);
}
