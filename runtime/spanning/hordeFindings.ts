/** What is wrong in a Horde, by comparing what its members say with each other and with the processes that live. */
import type { HordeChild, HordeEntry, HordeFinding, HordeView, NodeName, ProcessRef } from '../model.ts';
import { pidText, processId } from '../model.ts';
import { printTerm } from '../term/print.ts';
import type { Term } from '../term/term.ts';

/** Of one kind a Horde, at most so many are told: after a heal of thousands the first show what happened. */
export const mostOfAKind = 200;

export type Horde = HordeFinding['horde'];

/** What was found both times: a Horde agrees within some hundred milliseconds, so only what is still so after a while counts. */
export function seenTwice(first: readonly HordeFinding[], then: readonly HordeFinding[]): readonly HordeFinding[] {
  const before = new Set(first.map(identity));
  return then.filter((one) => before.has(identity(one)));
}

function identity({ kind, horde, of, processes, nodes }: HordeFinding): string {
  return JSON.stringify([kind, horde, of, processes.map(processId).sort(), [...nodes].sort()]);
}

/** Members, and what a supervisor holds of their states, told differently by different members. */
export function differingMembers(horde: Horde, views: readonly HordeView[]): readonly HordeFinding[] {
  const told = new Map<string, NodeName[]>();
  for (const { node, members, supervisor } of views) {
    // A supervisor that did not answer told nothing.
    if (horde.kind === 'supervisor' && supervisor === null) continue;
    const saying = members
      .map((member) => `${member.node} ${member.status ?? ''}`.trim())
      .sort()
      .join(', ');
    told.set(saying, [...(told.get(saying) ?? []), node]);
  }
  if (told.size < 2) return [];
  const evidence = [...told]
    .map(([saying, nodes]) => `${nodes.join(', ')}: ${saying === '' ? 'none' : saying}`)
    .join('; ');
  return [
    {
      kind: 'members_differ',
      certainty: 'sure',
      horde,
      of: null,
      processes: [],
      nodes: [...told.values()].flat(),
      evidence: `The members differ by whom one asks. ${evidence}.`,
    },
  ];
}

/** Keys, or children, on which the members do not agree, or that stand for processes that have ended. */
export function wrongEntries(
  horde: Horde,
  entries: readonly HordeEntry[],
  nodes: readonly NodeName[],
): readonly HordeFinding[] {
  const what = horde.kind === 'registry' ? 'Key' : 'Child';
  const found: HordeFinding[] = [];
  for (const { key, holders, missing } of entries) {
    const told = { certainty: 'sure', horde, of: key } as const;
    const dead = holders.filter(({ alive }) => alive === false);
    if (holders.length > 1) {
      const says = holders.map(({ pid, seenBy }) => `${shown(pid)} on ${seenBy.join(', ')}`).join('; ');
      const processes = holders.map(({ pid }) => pid);
      const evidence = `${what} ${briefly(key)} stands for different processes: ${says}.`;
      found.push({ kind: 'name_conflict', ...told, processes, nodes, evidence });
    }
    for (const { pid, seenBy } of dead) {
      const evidence = `${what} ${briefly(key)} stands for ${shown(pid)}, which has ended.`;
      found.push({ kind: 'entry_of_dead', ...told, processes: [pid], nodes: seenBy, evidence });
    }
    if (missing.length > 0) {
      const evidence = `${what} ${briefly(key)} is not known on ${missing.join(', ')}.`;
      const processes = holders.map(({ pid }) => pid);
      found.push({ kind: 'entry_missing', ...told, processes, nodes: missing, evidence });
    }
  }
  return (['name_conflict', 'entry_of_dead', 'entry_missing'] as const).flatMap((kind) =>
    found.filter((one) => one.kind === kind).slice(0, mostOfAKind),
  );
}

/** Children that were asked for alike and run on more than one node: what a split and a heal leave behind. */
export function duplicateChildren(horde: Horde, children: readonly HordeChild[]): readonly HordeFinding[] {
  const alike = new Map<number, HordeChild[]>();
  for (const child of children) alike.set(child.specHash, [...(alike.get(child.specHash) ?? []), child]);
  return [...alike.values()]
    .flatMap((same): readonly HordeFinding[] => {
      const living = same.flatMap(({ holders }) => holders.filter(({ alive }) => alive !== false));
      const nodes = [...new Set(living.map(({ pid }) => pid.node))];
      const [{ start } = { start: { module: '', function: '', arity: 0 } }] = same;
      if (nodes.length < 2) return [];
      const started = `${start.module}:${start.function}/${String(start.arity)}`;
      const evidence =
        `${String(living.length)} children started alike (${started}, same arguments) run on ${nodes.join(', ')}. ` +
        'A strategy that hashes puts them on one node while the members stay the same.';
      const processes = living.map(({ pid }) => pid);
      return [{ kind: 'child_duplicate', certainty: 'likely', horde, of: null, processes, nodes, evidence }];
    })
    .slice(0, mostOfAKind);
}

/** A process that a Horde holds a link to and has no entry of; `what` it runs, for people. */
export function orphan(horde: Horde, node: NodeName, pid: ProcessRef, what: string): HordeFinding {
  const told = { horde, of: null, processes: [pid], nodes: [node] } as const;
  if (horde.kind === 'supervisor') {
    const evidence = `${shown(pid)} (${what}) runs under ${horde.name} on ${node}, and no member has an entry of it.`;
    return { kind: 'child_unknown', certainty: 'sure', ...told, evidence };
  }
  const evidence = `${shown(pid)} (${what}) registered in ${horde.name} on ${node} once, and holds no key now.`;
  return { kind: 'process_without_name', certainty: 'likely', ...told, evidence };
}

function shown(pid: ProcessRef): string {
  return `${pidText(pid)} of ${pid.node}`;
}

function briefly(term: Term): string {
  return printTerm(term, { syntax: 'erlang', maxLength: 200, maxDepth: 4 });
}
