/**
 * In which order languages are tried for a person: `de-AT`, `de`, then the fallback (lookup of RFC 4647 §3.4). Tags are canonical
 * (BCP 47). A script or variant falls to what is left without it: `zh-Hant-TW`, `zh-Hant`, `zh`.
 */
export function localeChain(wanted: string, fallback: string): readonly string[] {
  const chain = new Set<string>();
  let subtags = wanted.split('-');
  while (subtags.length > 0) {
    // A single letter only introduces what follows it: `de-x-formal` falls to `de`.
    if (subtags.length === 1 || subtags.at(-1)?.length !== 1) chain.add(subtags.join('-'));
    subtags = subtags.slice(0, -1);
  }
  return [...chain.add(fallback)];
}
