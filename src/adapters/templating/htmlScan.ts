/**
 * Where in the markup a place is, after the tokenizer of the HTML standard (§13.2.5) as far as it matters to what may stand there.
 * `raw`: the content of script, style, textarea or title. Fed with the text between expressions.
 */
export type HtmlPlace = {
  in: 'data' | 'lessThan' | 'declaration' | 'comment' | 'tagName' | 'beforeName' | 'name' | 'afterName' | 'beforeValue' | 'value' | 'raw';
  /** Lower case; with `/` in front for an end tag. */
  tag: string;
  attribute: string;
  quote: '"' | "'" | '';
  /** What the attribute's value, the declaration or the raw text holds so far, at its end: at most `KEPT` characters. */
  seen: string;
  /** Of a URL attribute: whether an expression stood at its very start, and whether what leads it is settled. */
  url: 'start' | 'open' | 'settled';
};

export const DATA: HtmlPlace = { in: 'data', tag: '', attribute: '', quote: '', seen: '', url: 'start' };

const KEPT = 256;
const BLANK = /[\t\n\f\r ]/;
const LETTER = /[a-zA-Z]/;
const RAW: ReadonlySet<string> = new Set(['script', 'style', 'textarea', 'title']);

type Step = (place: HtmlPlace, char: string) => void;

function endTag(place: HtmlPlace): void {
  place.in = RAW.has(place.tag) ? 'raw' : 'data';
  place.seen = '';
}

function startAttribute(place: HtmlPlace, char: string): void {
  place.in = 'name';
  place.attribute = char.toLowerCase();
}

function startValue(place: HtmlPlace, quote: HtmlPlace['quote']): void {
  Object.assign(place, { in: 'value', quote, seen: '', url: 'start' });
}

const see = (place: HtmlPlace, char: string): void => {
  place.seen = (place.seen + char).slice(-KEPT);
};

const STEPS: { readonly [In in HtmlPlace['in']]: Step } = {
  data: (place, char) => {
    if (char === '<') place.in = 'lessThan';
  },
  lessThan: (place, char) => {
    if (LETTER.test(char) || char === '/') Object.assign(place, { in: 'tagName', tag: char.toLowerCase() });
    else if (char === '!' || char === '?') Object.assign(place, { in: 'declaration', seen: '' });
    else place.in = char === '<' ? 'lessThan' : 'data';
  },
  // `<!--[if mso]>` and `<![endif]-->` are skipped like a doctype, so that what Outlook reads between them is judged as markup.
  declaration: (place, char) => {
    if (char === '>') place.in = 'data';
    else see(place, char);
    if (place.in === 'declaration' && place.seen.length === 3 && place.seen.startsWith('--') && place.seen !== '--[') place.in = 'comment';
  },
  comment: (place, char) => {
    see(place, char);
    if (place.seen.endsWith('-->')) place.in = 'data';
  },
  tagName: (place, char) => {
    if (char === '>') endTag(place);
    else if (BLANK.test(char)) place.in = 'beforeName';
    else if (char === '/' && place.tag !== '') place.in = 'beforeName';
    else place.tag += char.toLowerCase();
  },
  beforeName: (place, char) => {
    if (char === '>') endTag(place);
    else if (!BLANK.test(char) && char !== '/') startAttribute(place, char);
  },
  name: (place, char) => {
    if (char === '>') endTag(place);
    else if (char === '=') place.in = 'beforeValue';
    else if (BLANK.test(char)) place.in = 'afterName';
    else if (char === '/') place.in = 'beforeName';
    else place.attribute += char.toLowerCase();
  },
  afterName: (place, char) => {
    if (char === '>') endTag(place);
    else if (char === '=') place.in = 'beforeValue';
    else if (char === '/') place.in = 'beforeName';
    else if (!BLANK.test(char)) startAttribute(place, char);
  },
  beforeValue: (place, char) => {
    if (char === '>') endTag(place);
    else if (char === '"' || char === "'") startValue(place, char);
    else if (!BLANK.test(char)) {
      startValue(place, '');
      see(place, char);
    }
  },
  value: (place, char) => {
    if (place.quote === '' && char === '>') endTag(place);
    else if (place.quote === '' ? BLANK.test(char) : char === place.quote) place.in = 'beforeName';
    else see(place, char);
  },
  raw: (place, char) => {
    see(place, char);
    if (!/[\t\n\f\r />]/.test(char) || !place.seen.toLowerCase().endsWith(`</${place.tag}${char}`)) return;
    place.tag = `/${place.tag}`;
    place.in = char === '>' ? 'data' : 'beforeName';
  },
};

/** Reads on, from where `place` is; `place` moves. */
export function readHtml(place: HtmlPlace, text: string): void {
  for (let i = 0; i < text.length; i += 1) {
    if (place.in === 'data') {
      i = text.indexOf('<', i);
      if (i === -1) return;
    }
    STEPS[place.in](place, text.charAt(i));
  }
}
