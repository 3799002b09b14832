/**
 * What is wrong in a Horde, by comparing what its members say with each other and with the processes that live. A Horde agrees within
 * some hundred milliseconds, so only what is still so after a while counts.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { childOptions, remainingNow } from '../../callOptions.ts';
import { cancelled } from '../../errors.ts';
import type {
  Coverage,
  HordeChild,
  HordeEntry,
  HordeFinding,
  HordeView,
  NodeName,
  ProcessRef,
  Result,
} from '../../model.ts';
import { ok, pidText, processId } from '../../model.ts';
import type { Answer, CallOptions, Params } from '../../port.ts';
import { atom } from '../../term/term.ts';
import { agreedChild, agreedEntry, keysOf } from './agreement.ts';
import { briefly } from './callError.ts';
import { askEach } from './coverage.ts';
import { readChild, readEntry } from './hordeRows.ts';
import { hordesOn } from './hordeViews.ts';
import { functionText, listOf, processOf, tupleOf } from './read.ts';
import type { Session } from './session.ts';
import { livesOf, readSpanned, unknownLives, vouchedEntry } from './spanning.ts';

/** Of one kind a Horde, at most so many are told: after a heal of thousands the first show what happened. */
const mostOfAKind = 200;

/** As the port says. Errors: those of the nodes, when none answers. */
export async function findings(
  session: Session,
  { nodes, name, settleMs }: Params<'horde.findings'>,
  options: CallOptions,
): Promise<Result<Answer<'horde.findings'>>> {
  const half = Math.max(1, (remainingNow(options) - settleMs) / 2);
  const first = await lookOnce(session, nodes, name, childOptions(options, half));
  const waited = await delay(settleMs, true, { signal: options.signal }).catch(() => false);
  if (!waited) return cancelled('none');
  const then = await lookOnce(session, nodes, name, options);
  const before = new Set(first.findings.map(identity));
  return ok({ findings: then.findings.filter((one) => before.has(identity(one))), nodes: then.nodes });
}

function identity({ kind, horde, of, processes, nodes }: HordeFinding): string {
  return JSON.stringify([kind, horde, of, processes.map(processId).sort(), [...nodes].sort()]);
}

type Look = { readonly findings: readonly HordeFinding[]; readonly nodes: Coverage };

async function lookOnce(
  session: Session,
  nodes: readonly NodeName[] | 'all',
  name: string | null,
  options: CallOptions,
): Promise<Look> {
  const found = await hordesOn(session, nodes, options);
  const hordes = new Map<string, HordeView[]>();
  for (const view of found.views) {
    if (name !== null && view.name !== name) continue;
    const key = `${view.kind} ${view.name}`;
    hordes.set(key, [...(hordes.get(key) ?? []), view]);
  }
  const all: HordeFinding[] = [];
  for (const views of hordes.values()) all.push(...(await wrongIn(session, views, options)));
  return { findings: all, nodes: found.nodes };
}

/** `views`: of all members of one Horde, at least one. */
async function wrongIn(
  session: Session,
  views: readonly HordeView[],
  options: CallOptions,
): Promise<readonly HordeFinding[]> {
  const [{ kind, name } = { kind: 'registry', name: '' } as const] = views;
  const horde = { kind, name };
  const nodes = views.map(({ node }) => node);
  const orphans = await orphansOf(session, horde, nodes, options);
  const listed = { rows: kind === 'registry' ? 'horde_entries' : 'horde_children', name } as const;
  if (kind === 'registry') {
    const found = await readSpanned(session, { nodes, listed, read: readEntry, vouched: vouchedEntry }, options);
    if (!found.ok) return [];
    const { rows } = found.value;
    const life = await livesOf(session, unknownLives(rows), options);
    const entries = keysOf(rows).flatMap((id) => agreedEntry(rows, id, life) ?? []);
    return [...differingMembers(horde, views), ...wrongEntries(horde, entries, nodes), ...orphans];
  }
  const found = await readSpanned(session, { nodes, listed, read: readChild, vouched: vouchedEntry }, options);
  if (!found.ok) return [];
  const { rows } = found.value;
  const life = await livesOf(session, unknownLives(rows), options);
  const children = keysOf(rows).flatMap((id) => agreedChild(rows, id, life) ?? []);
  const entries = children.map(({ childId, ...child }): HordeEntry => ({ key: childId, ...child }));
  return [
    ...differingMembers(horde, views),
    ...wrongEntries(horde, entries, nodes),
    ...duplicateChildren(horde, children),
    ...orphans,
  ];
}

type Horde = HordeFinding['horde'];

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

/** Processes that the Horde holds a link to and has no entry of, as their own nodes say. */
async function orphansOf(
  session: Session,
  horde: Horde,
  nodes: readonly NodeName[],
  options: CallOptions,
): Promise<readonly HordeFinding[]> {
  const found = await askEach(session, nodes, options, async (target) => {
    const said = await target.run('horde_orphans', [atom(horde.kind), atom(horde.name)], options);
    return ok(said.ok ? listOf(said.value) : []);
  });
  return found.answers
    .flatMap(([node, rows]) =>
      rows.flatMap((row): readonly HordeFinding[] => {
        const [pidTerm, call] = tupleOf(row, 2) ?? [];
        const pid = processOf(pidTerm);
        const what = functionText(call) ?? 'a process';
        return pid === null ? [] : [orphan(horde, node, pid, what)];
      }),
    )
    .slice(0, mostOfAKind);
}

function orphan(horde: Horde, node: NodeName, pid: ProcessRef, what: string): HordeFinding {
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
