/** What is wrong with one setting. Never its value: it can be a secret, or a secret in the wrong place. */
export type Problem = { readonly name: string; readonly expected: string };
/** A setting as `tidings config` shows it: a secret's value is left out. */
export type Shown = { readonly name: string; readonly value: string; readonly from: 'environment' | 'file' | 'default' };

export type Environment = Readonly<Record<string, string | undefined>>;
/** Returns a file's text. @throws when there is none. */
export type ReadFile = (path: string) => string;

type Given = { readonly text: string; readonly from: Shown['from'] };

export interface Settings {
  readonly problems: Problem[];
  readonly shown: () => readonly Shown[];
  wrong(name: string, expected: string): void;
  /** An open value; undefined (or the default) where it is unset or empty. */
  text(name: string): string | undefined;
  text(name: string, fallback: string): string;
  /** A secret, from NAME or from the file that NAME_FILE names. `visible`: what of it may be seen. */
  secret(name: string, visible?: (text: string) => string): string | undefined;
  integer(name: string, range: { readonly fallback: number; readonly least: number; readonly most: number }): number;
  choice<T extends string>(name: string, values: readonly T[], fallback: T): T;
  /** Comma-separated, each from the values; none (or the default) where it is unset. */
  choices<T extends string>(name: string, values: readonly T[], fallback?: T): readonly T[];
  /** Comma-separated, blanks around entries dropped. */
  list(name: string): readonly string[];
}

/** Of settings that only make sense together, names those that are missing when others are there. */
export function allOrNone(settings: Settings, given: Readonly<Record<string, string | undefined>>): void {
  const names = Object.keys(given);
  const missing = names.filter((name) => given[name] === undefined);
  if (missing.length === names.length) return;
  for (const name of missing) settings.wrong(name, `a value, since one of ${names.join(', ')} is set`);
}

const isOneOf =
  <T extends string>(values: readonly T[]) =>
  (text: string): text is T =>
    values.some((value) => value === text);

const entriesOf = (text: string): readonly string[] =>
  text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');

/** Of a URL whose rest may be secret. */
export const schemeOf = (url: string): string => `${/^[a-z+]{1,16}:/.exec(url)?.[0] ?? ''}…`;

/** Reads each setting once and collects every problem, so that one start tells all of them. */
export function settingsOf(env: Environment, readFile: ReadFile): Settings {
  const problems: Problem[] = [];
  const shown = new Map<string, Shown>();
  const show = (it: Shown): void => {
    shown.set(it.name, it);
  };
  const wrong = (name: string, expected: string): void => {
    if (!problems.some((problem) => problem.name === name && problem.expected === expected)) problems.push({ name, expected });
  };
  const given = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);

  const open = (name: string, fallback?: string): Given | undefined => {
    const text = given(name);
    if (given(`${name}_FILE`) !== undefined) wrong(`${name}_FILE`, `nothing: ${name} is no secret, so set it directly`);
    if (text !== undefined) return { text, from: 'environment' };
    return fallback === undefined ? undefined : { text: fallback, from: 'default' };
  };

  const sealed = (name: string): Given | undefined => {
    const [text, path] = [given(name), given(`${name}_FILE`)];
    if (text !== undefined && path !== undefined) wrong(name, `only one of ${name} and ${name}_FILE`);
    if (text !== undefined || path === undefined) return text === undefined ? undefined : { text, from: 'environment' };
    try {
      // Files of secrets end in a line break more often than not.
      const content = readFile(path).trim();
      if (content !== '') return { text: content, from: 'file' };
      wrong(`${name}_FILE`, 'a file that holds the secret; this one is empty');
    } catch {
      wrong(`${name}_FILE`, 'a file that can be read');
    }
    return undefined;
  };

  function text(name: string): string | undefined;
  function text(name: string, fallback: string): string;
  function text(name: string, fallback?: string): string | undefined {
    const found = open(name, fallback);
    if (found !== undefined) show({ name, value: found.text, from: found.from });
    return found?.text;
  }

  return {
    problems,
    shown: () => [...shown.values()],
    wrong,
    text,
    secret(name, visible = () => '(set)') {
      const found = sealed(name);
      if (found !== undefined) show({ name, value: visible(found.text), from: found.from });
      return found?.text;
    },
    integer(name, { fallback, least, most }) {
      const value = text(name, String(fallback));
      const number = /^\d{1,15}$/.test(value) ? Number(value) : -1;
      if (number >= least && number <= most) return number;
      wrong(name, `a whole number from ${least} to ${most}`);
      return fallback;
    },
    choice(name, values, fallback) {
      const value = text(name, fallback);
      if (isOneOf(values)(value)) return value;
      wrong(name, `one of ${values.join(', ')}`);
      return fallback;
    },
    choices(name, values, fallback) {
      const value = fallback === undefined ? text(name) : text(name, fallback);
      if (value === undefined) return [];
      const entries = entriesOf(value);
      const known = entries.filter(isOneOf(values));
      if (known.length !== entries.length || known.length === 0 || new Set(known).size !== known.length)
        wrong(name, `one or more of ${values.join(', ')}, each once, separated by commas`);
      return known;
    },
    list: (name) => entriesOf(text(name) ?? ''),
  };
}
