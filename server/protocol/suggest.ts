/** Names that somebody may have meant who wrote another: by how many letters they differ. */

const mostSuggested = 3;

/** Those of `names` that are near `written`, the nearest first; none when all are far. */
export function nearest(written: string, names: readonly string[]): readonly string[] {
  const text = written.toLowerCase();
  const mostEdits = Math.max(1, Math.floor(text.length / 3));
  const words = text.split('_').filter((word) => word.length > 2);
  const near = [...new Set(names)]
    .map((name) => ({ name, edits: editDistance(text, name.toLowerCase()) }))
    .filter(({ edits }) => edits <= mostEdits)
    .toSorted((one, other) => one.edits - other.edits || (one.name < other.name ? -1 : 1));
  if (near.length > 0) return near.slice(0, mostSuggested).map(({ name }) => name);
  // `process_kill`, `kill`: the same words in another order, or some of them.
  const holding = names.filter((name) => words.length > 0 && words.every((word) => name.includes(word)));
  return [...new Set(holding)].toSorted((one, other) => one.length - other.length).slice(0, mostSuggested);
}

/** `Did you mean kill_process or kill_processes?` with a blank before it; nothing where nothing is near. */
export function didYouMean(written: string, names: readonly string[]): string {
  const [last, ...before] = [...nearest(written, names)].reverse();
  if (last === undefined) return '';
  return ` Did you mean ${before.length === 0 ? last : `${before.reverse().join(', ')} or ${last}`}?`;
}

/** By how many letters two words differ: put in, left out, replaced, or two neighbours swapped (optimal string alignment). */
export function editDistance(one: string, other: string): number {
  let before: readonly number[] = [];
  let last: readonly number[] = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let row = 1; row <= one.length; row += 1) {
    const next = [row];
    for (let column = 1; column <= other.length; column += 1) {
      const same = one[row - 1] === other[column - 1];
      const costs = [(last[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1, (last[column - 1] ?? 0) + (same ? 0 : 1)];
      const isSwapped =
        row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      if (isSwapped) costs.push((before[column - 2] ?? 0) + 1);
      next.push(Math.min(...costs));
    }
    before = last;
    last = next;
  }
  return last.at(-1) ?? 0;
}
