/**
 * Text from a node, a user or a file, made safe to look at in a terminal or a page: nothing in it moves the cursor, changes
 * colours, turns the reading direction or hides.
 */

/** First and last code point of what is shown as an escape. */
const hiding: readonly (readonly [number, number])[] = [
  [0x00, 0x1f], // C0 controls, escape among them
  [0x7f, 0x9f], // delete, C1 controls
  [0xad, 0xad], // soft hyphen
  [0x61c, 0x61c], // Arabic letter mark
  [0x180e, 0x180e],
  [0x200b, 0x200f], // zero width, direction marks
  [0x2028, 0x202e], // line and paragraph separators, bidi embeddings and overrides
  [0x2060, 0x206f], // invisible operators, bidi isolates
  [0xd800, 0xdfff], // surrogates without their other half
  [0xfeff, 0xfeff], // byte order mark
  [0xfff9, 0xfffb], // interlinear annotation
  [0xe0000, 0xe007f], // tags
];

function shown(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return hiding.some(([first, last]) => code >= first && code <= last) ? `\\u{${code.toString(16)}}` : character;
}

/** `text` with every character that hides or steers shown as `\u{…}`, and cut to `most` characters (default 200) with `…`. */
export function visibleText(text: string, most = 200): string {
  // Cut first: a megabyte of a name is not worth escaping.
  const characters = Array.from(text.slice(0, most * 2));
  const escaped = characters.map(shown);
  const out: string[] = [];
  let length = 0;
  for (const each of escaped) {
    if (length + each.length > most) return `${out.join('')}…`;
    out.push(each);
    length += each.length;
  }
  return text.length > most * 2 ? `${out.join('')}…` : out.join('');
}
