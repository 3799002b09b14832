/**
 * What is wrong in a Horde, by comparing what its members say with each other and with the processes that live. A Horde agrees within
 * some hundred milliseconds, so only what is still so after a while counts.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { childOptions, remainingNow } from '../../callOptions.ts';
import { cancelled } from '../../errors.ts';
import type { Coverage, HordeEntry, HordeFinding, HordeView, NodeName, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { Answer, CallOptions, Params } from '../../port.ts';
import { atom } from '../../term/term.ts';
import { agreedChild, agreedEntry, keysOf } from '../../spanning/agreement.ts';
import type { Horde } from '../../spanning/hordeFindings.ts';
import {
  differingMembers,
  duplicateChildren,
  mostOfAKind,
  orphan,
  seenTwice,
  wrongEntries,
} from '../../spanning/hordeFindings.ts';
import { askEach } from './coverage.ts';
import { readChild, readEntry } from './hordeRows.ts';
import { hordesOn } from './hordeViews.ts';
import { functionText, listOf, processOf, tupleOf } from './read.ts';
import type { Session } from './session.ts';
import { livesOf, readSpanned, unknownLives, vouchedEntry } from './spanning.ts';

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
  return ok({ findings: seenTwice(first.findings, then.findings), nodes: then.nodes });
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
