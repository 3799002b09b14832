/**
 * Finding operations by words, as people write them: part of a word, the plural, a letter wrong, or another word for the same thing.
 * What an operation is called says more than what is said of it.
 */
import { editDistance } from '../protocol/suggest.ts';
import type { CatalogueEntry } from '../protocol/operation.ts';

/** Other words for the same, as people of OTP and of other tools have them. */
const synonyms: { readonly [word: string]: readonly string[] } = {
  ps: ['processes'],
  proc: ['process'],
  pid: ['process'],
  actor: ['process'],
  genserver: ['process'],
  gc: ['garbage'],
  mailbox: ['message', 'queue'],
  inbox: ['message', 'queue'],
  msg: ['message'],
  cast: ['message'],
  sup: ['supervisor'],
  tree: ['supervision'],
  end: ['kill', 'stop', 'terminate'],
  exit: ['kill', 'stop'],
  delete: ['remove', 'kill', 'destroy'],
  spawn: ['start'],
  create: ['start', 'add'],
  run: ['execute', 'start'],
  pause: ['suspend'],
  unpause: ['resume'],
  continue: ['resume'],
  move: ['migrate'],
  relocate: ['migrate'],
  rebalance: ['balance'],
  mem: ['memory'],
  ram: ['memory'],
  leak: ['memory'],
  heap: ['memory'],
  cpu: ['scheduler', 'profile', 'bottlenecks'],
  slow: ['bottlenecks', 'profile'],
  table: ['ets'],
  tables: ['ets'],
  socket: ['ports'],
  sockets: ['ports'],
  connection: ['node', 'ports'],
  name: ['registered'],
  names: ['registered'],
  whereis: ['registered'],
  registry: ['registered', 'horde'],
  app: ['applications'],
  apps: ['applications'],
  fragmentation: ['allocator'],
  dbg: ['trace'],
  debug: ['trace', 'state'],
  lock: ['deadlocks'],
  split: ['partition'],
  netsplit: ['partition'],
  latency: ['delay'],
  rpc: ['remote'],
  eval: ['remote'],
  erpc: ['remote'],
  top: ['bottlenecks', 'processes'],
  log: ['history'],
  audit: ['history'],
  metrics: ['stats'],
  statistics: ['stats'],
  revert: ['undo'],
  rollback: ['undo'],
  abort: ['cancel'],
  bulk: ['batch'],
  help: ['describe'],
  find: ['search', 'discover'],
};
const synonymsOf = new Map(Object.entries(synonyms));

/** How much a word weighs where it is found. */
const weights = { name: 50, alias: 20, title: 12, category: 8, description: 4 } as const;
/** The part of a weight that remains: a word that begins with it, one that holds it, a synonym, one with a letter wrong. */
const parts = { whole: 1, begins: 0.7, holds: 0.4, synonym: 0.3, misspelt: 0.15 } as const;

type Texts = readonly (readonly [weight: number, words: readonly string[]])[];

/** The entries that have every word of `query`, those that fit best first; all of them where it has no word. */
export function searchEntries(entries: readonly CatalogueEntry[], query: string): readonly CatalogueEntry[] {
  const words = wordsIn(query);
  const whole = words.join('_');
  return entries
    .flatMap((entry) => {
      const texts = textsOf(entry);
      const found = words.map((word) => weigh(word, texts));
      if (found.includes(0)) return [];
      const isCalled = entry.name === whole || entry.aliases.some(({ name }) => name === whole);
      return [{ entry, weight: found.reduce((sum, one) => sum + one, isCalled ? 1_000 : 0) }];
    })
    .toSorted((a, b) => b.weight - a.weight)
    .map(({ entry }) => entry);
}

function textsOf({ name, aliases, title, category, description }: CatalogueEntry): Texts {
  return [
    [weights.name, wordsIn(name)],
    [weights.alias, aliases.flatMap((alias) => wordsIn(alias.name))],
    [weights.title, wordsIn(title)],
    [weights.category, wordsIn(category)],
    [weights.description, wordsIn(description)],
  ];
}

/** Words of letters and digits, in lower case; `listProcesses` and `list_processes` are two. */
function wordsIn(text: string): readonly string[] {
  return text
    .replaceAll(/(\p{Ll})(\p{Lu})/gu, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
}

/** The most that a word weighs in any of the texts; 0 where it is in none. */
function weigh(word: string, texts: Texts): number {
  const others = synonymsOf.get(word) ?? [];
  const exact = best(texts, (known) => likeness(word, known));
  const meant = best(texts, (known) => Math.max(0, ...others.map((other) => likeness(other, known))) * parts.synonym);
  if (exact > 0 || meant > 0) return exact + meant;
  // What nothing fits as it stands may have been misspelt; not in the running text of descriptions, where much is alike.
  const names = texts.filter(([weight]) => weight > weights.description);
  return best(names, (known) => (isMisspelt(word, known) ? parts.misspelt : 0));
}

function best(texts: Texts, likenessOf: (known: string) => number): number {
  return Math.max(0, ...texts.map(([weight, words]) => weight * Math.max(0, ...words.map(likenessOf))));
}

function likeness(word: string, known: string): number {
  if (word === known) return parts.whole;
  // The plural of a word begins with it, and the other way round.
  if (known.startsWith(word) || word === `${known}s`) return parts.begins;
  return word.length > 1 && known.includes(word) ? parts.holds : 0;
}

/** One letter wrong, missing, too many or in the wrong place; two in a long word. */
function isMisspelt(word: string, known: string): boolean {
  if (word.length < 4) return false;
  const most = word.length < 8 ? 1 : 2;
  return Math.abs(word.length - known.length) <= most && editDistance(word, known) <= most;
}
