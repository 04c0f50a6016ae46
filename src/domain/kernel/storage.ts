import type { TSchema } from 'typebox';
import type { AnyFact } from './decider.ts';
import type { DataClass } from './personal.ts';

/**
 * One personal field of an event. `path` is dotted from the event's data, with at most one array: `person`,
 * `recipients[].person`. Where the value is absent nothing is sealed.
 */
export type SealedField = {
  readonly path: string;
  readonly class: DataClass;
  /** Dotted path of the subject; with `[]` it is read from the same element. Absent, or nothing there: the period's key alone. */
  readonly subject?: string;
  /**
   * What becomes of the value when its subject was erased before the append: the whole append is refused (absent), the field is left
   * out (`drop`), or the array's element that holds it is (`dropElement`). For facts about many people, which must be recorded.
   */
  readonly onErased?: 'drop' | 'dropElement';
};

/** How one type of event is stored. `schema` describes the newest stored form, in which a sealed field is a string. */
export type StoredAs = {
  readonly version: number;
  readonly schema: TSchema;
  /** `upcast[i]` turns stored version i + 1 into i + 2; a sealed field is left alone by it. */
  readonly upcast: readonly ((data: never) => object)[];
  readonly sealed: readonly SealedField[];
};

/** One entry per type of event of an aggregate; a new event does not compile without one. */
export type StorageOf<E extends AnyFact> = { readonly [Type in E['type']]: StoredAs };
