import { readFileSync } from 'node:fs';
import { EventStoreDBClient } from '@eventstore/db-client';
import { afterEach, expect, test, vi } from 'vitest';
import { parseConfig } from '../../src/config.ts';

const page = readFileSync('docs/operating.md', 'utf8');
const chapter = page.slice(page.indexOf('\n## EventStoreDB\n'), page.indexOf('\n## Health and metrics\n'));
const urls = [...chapter.matchAll(/^EVENT_STORE_URL='([^']+)'$/gm)].map(([, url = '']) => url);
const rows = [...chapter.matchAll(/^\| (`\w+`(?:, `\w+`)*) +\| ([^|]+)\|/gm)].flatMap(([, names = '', defaults = '']) => {
  const values = [...defaults.matchAll(/`(\w+)`/g)].map(([, value = '']) => value);
  return [...names.matchAll(/`(\w+)`/g)].map(([, name = ''], at) => [name, values[at] ?? values[0]] as const);
});
/** The client says of an option that it does not know it, and goes on. */
const warned = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
afterEach(() => {
  warned.mockClear();
});

test('every URL of an EventStoreDB in operating.md is one, for the service and for its client', () => {
  expect(urls).toHaveLength(4);
  for (const url of urls) {
    const parsed = parseConfig({ EVENT_STORE_URL: url }, () => '');
    expect('config' in parsed && parsed.config.eventStore).toStrictEqual({ esdb: url });
    expect(EventStoreDBClient.connectionString(url)).toBeDefined();
  }
  expect(warned).not.toHaveBeenCalled();
});

test('every option there is one of the client’s', () => {
  expect(rows.map(([name]) => name)).toContain('tlsCAFile');
  expect(rows.length).toBeGreaterThan(8);
  for (const [name, value = 'x'] of rows) {
    // A file that is missing is found out after the name was known.
    try {
      EventStoreDBClient.connectionString(`esdb://localhost:2113?${name}=${value}`);
    } catch (error) {
      expect([name, name.endsWith('File'), error instanceof Error]).toStrictEqual([name, true, true]);
    }
  }
  expect(warned).not.toHaveBeenCalled();
  EventStoreDBClient.connectionString('esdb://localhost:2113?tlsCaFiles=x');
  expect(warned).toHaveBeenCalledOnce();
});
