import { expect, test } from 'vitest';
import { csvRecord } from '../../src/http/csv.ts';

test.each([
  [['a', 'b c', ''], 'a,b c,\r\n'],
  [['a,b', 'say "hi"', 'two\nlines'], '"a,b","say ""hi""","two\nlines"\r\n'],
  [['=1+1', '+43', '-1', '@x', '\t='], "'=1+1,'+43,'-1,'@x,'\t=\r\n"],
  [['="a","b"'], '"\'=""a"",""b"""\r\n'],
])('%j is written so that it is read back as text', (values, record) => {
  expect(csvRecord(values)).toBe(record);
});
