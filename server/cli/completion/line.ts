/** A line that is being written in bash, which hands it over whole: its words, and what of a candidate bash wants back. */

export type Line = {
  /** Unquoted. The last one is being written, and may be empty. */
  readonly words: readonly string[];
  /** The quote that the last word stands in, unclosed. */
  readonly quote: '' | '"' | "'";
};

/** Splits a line as a POSIX shell does, without expanding anything. */
export function splitLine(line: string): Line {
  const words: string[] = [];
  let word = '';
  let isWord = false;
  let quote: Line['quote'] = '';
  for (let at = 0; at < line.length; at += 1) {
    const character = line[at] ?? '';
    if (quote !== '') {
      if (character === quote) quote = '';
      else if (character === '\\' && quote === '"' && /["\\$`]/.test(line[at + 1] ?? '')) word += line[(at += 1)] ?? '';
      else word += character;
    } else if (character === '"' || character === "'") {
      quote = character;
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
  return { words: [...words, word], quote };
}

/**
 * What bash puts in place of what it takes for the word: it breaks words at `breaks` (`=` and `:` among them), so that of `pid=Shop` only
 * `Shop` is its. Outside quotes, what the shell would read otherwise is escaped.
 */
export function forBash(candidate: string, line: Line, breaks: string): string {
  const current = line.words.at(-1) ?? '';
  const quoted = line.quote === '' ? candidate.replace(/[^\w@.:,~+/=-]/g, String.raw`\$&`) : candidate;
  if (line.quote !== '') return candidate;
  const from = Math.max(
    -1,
    ...Array.from(breaks)
      .filter((each) => !/[\s"'><|;&(]/.test(each))
      .map((each) => current.lastIndexOf(each)),
  );
  const kept = current.slice(0, from + 1).replace(/[^\w@.:,~+/=-]/g, String.raw`\$&`);
  return quoted.slice(kept.length);
}
