/** The texts of a product that a search looks at. */
export interface SearchedTexts {
  readonly name: string;
  readonly category: string;
  readonly sku: string;
  readonly description: string;
}

/** Longest searched part of a word, in code points. A lexeme of PostgreSQL has at most 2046 bytes. */
const longestWord = 100;
/** Longest key of the order by name, in code points: it travels in page tokens. */
const longestKey = 100;

/** Letters that Unicode does not decompose into a letter and an accent, and the final sigma. */
const others: Readonly<Record<string, string>> = {
  ø: 'o',
  ł: 'l',
  đ: 'd',
  ð: 'd',
  ħ: 'h',
  ŧ: 't',
  æ: 'ae',
  œ: 'oe',
  þ: 'th',
  ς: 'σ',
};

/** Accents: the combining marks of no script or of Hebrew, except the Japanese voicing marks, which are no accents. */
const accents = /(?=\p{Mn})(?![\u3099\u309A])[\p{Script=Inherited}\p{Script=Hebrew}]/gu;

/**
 * Returns a text without case and accents: `Crème brûlée` and `CREME BRULEE` are the same. It does this here and not in
 * PostgreSQL, whose folding depends on the locale of the database or on an extension.
 */
export function fold(text: string): string {
  // Upper case first: it has ß as SS.
  return text
    .normalize('NFKD')
    .toUpperCase()
    .toLowerCase()
    .normalize('NFKD')
    .replaceAll(accents, '')
    .replaceAll(/[øłđðħŧæœþς]/g, (letter) => others[letter] ?? letter)
    .normalize('NFKC');
}

/** Returns the words of a text: its runs of letters, digits and their marks, folded. */
export function wordsOf(text: string): string[] {
  return (fold(text).match(/[\p{L}\p{N}\p{M}]+/gu) ?? []).map((word) => firstOf(word, longestWord));
}

/**
 * Returns the input of a tsvector: each word once, at its first position, with the weight of the best text that it is in.
 * So a description cannot gain rank by repeating a word. There are no stop words and no stemming.
 */
export function searchVector({ name, category, sku, description }: SearchedTexts): string {
  const places = new Map<string, string>();
  let position = 0;
  const texts = [
    ['A', name],
    ['B', category],
    ['B', sku],
    ['D', description],
  ] as const;
  for (const [weight, text] of texts) {
    for (const word of wordsOf(text)) {
      position++;
      if (!places.has(word)) places.set(word, `${position}${weight}`);
    }
  }
  // A word has only letters, digits and marks, so it needs no escaping.
  return [...places].map(([word, place]) => `'${word}':${place}`).join(' ');
}

/**
 * Returns the input of a tsquery that every word of a text matches, the last one as a prefix; undefined for a text without
 * a word, which nothing matches.
 */
export function searchQuery(text: string): string | undefined {
  const words = wordsOf(text);
  if (words.length === 0) return undefined;
  return `${words.map((word) => `'${word}'`).join(' & ')}:*`;
}

/** Returns the key of a name in the order by name: case and accents do not count. */
export function nameKey(name: string): string {
  return firstOf(fold(name), longestKey);
}

/** The first code points of a text. */
function firstOf(text: string, count: number): string {
  return text.length <= count ? text : Array.from(text).slice(0, count).join('');
}
