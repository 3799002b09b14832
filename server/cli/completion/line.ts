/** A line that is being written in bash, which hands it over whole: its words, and what of a candidate bash wants back. */

export type Line = {
  /** Unquoted. The last one is being written, and may be empty. */
  readonly words: readonly string[];
  /** The quote that the last word stands in, unclosed. */
  readonly quote: '' | '"' | "'";
  /** How many characters of the last word stand before that quote; 0 where none is unclosed. */
  readonly quotedFrom: number;
};

/** Splits a line as a POSIX shell does, without expanding anything. */
export function splitLine(line: string): Line {
  const words: string[] = [];
  let word = '';
  let isWord = false;
  let quote: Line['quote'] = '';
  let quotedFrom = 0;
  for (let at = 0; at < line.length; at += 1) {
    const character = line[at] ?? '';
    if (quote !== '') {
      if (character === quote) quote = '';
      else if (character === '\\' && quote === '"' && /["\\$`]/.test(line[at + 1] ?? '')) word += line[(at += 1)] ?? '';
      else word += character;
    } else if (character === '"' || character === "'") {
      quote = character;
      quotedFrom = word.length;
      isWord = true;
    } else if (character === '\\') {
      word += line[(at += 1)] ?? '';
      isWord = true;
    } else if (/\s/.test(character)) {
      if (isWord || word !== '') words.push(word);
      word = '';
      isWord = false;
    } else word += character;
  }
  return { words: [...words, word], quote, quotedFrom: quote === '' ? 0 : quotedFrom };
}

/**
 * What bash puts in place of what it takes for the word. Outside quotes it breaks words at `breaks` (`=` and `:` among them), so that of
 * `pid=Shop` only `Shop` is its; of what stands in an unclosed quote it takes all behind the quote, which it closes itself. What the
 * shell would read otherwise is escaped: names come from nodes, and whatever is in them is run by nobody.
 */
export function forBash(candidate: string, line: Line, breaks: string): string {
  if (line.quote !== '') return inQuotes(candidate.slice(line.quotedFrom), line.quote);
  const current = line.words.at(-1) ?? '';
  const from = Math.max(
    -1,
    ...Array.from(breaks)
      .filter((each) => !/[\s"'><|;&(]/.test(each))
      .map((each) => current.lastIndexOf(each)),
  );
  return escaped(candidate).slice(escaped(current.slice(0, from + 1)).length);
}

function escaped(text: string): string {
  return text.replace(/[^\w@.:,~+/=-]/gu, String.raw`\$&`);
}

/** In double quotes nothing keeps `!` from being history: it stands in single quotes between them. */
function inQuotes(text: string, quote: '"' | "'"): string {
  if (quote === "'") return text.replaceAll("'", String.raw`'\''`);
  return text.replace(/["\\$`]/g, String.raw`\$&`).replaceAll('!', `"'!'"`);
}
