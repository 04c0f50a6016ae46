/** What a spreadsheet would take for a formula is made text. */
const FORMULA = /^[=+\-@\t\r]/;
const cell = (value: string): string => {
  const text = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** One record of CSV (RFC 4180), safe to open in a spreadsheet. */
export const csvRecord = (values: readonly string[]): string => `${values.map(cell).join(',')}\r\n`;
