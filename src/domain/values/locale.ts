/** The canonical form of a BCP 47 language tag (`de-at` → `de-AT`), or undefined where it is none. */
export function canonicalLocale(text: string): string | undefined {
  if (!/^[A-Za-z0-9-]{2,64}$/.test(text)) return undefined;
  try {
    return Intl.getCanonicalLocales(text)[0];
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
