/** A cluster of the user's own: made, run, operated and broken, on the command line and in the workbench. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { pick } from '../../server/gateway/testJson.ts';
import { makeHome, runCli, serve, stopAll } from './support/cli.ts';
import type { Served } from './support/cli.ts';
import { openWorkbench, rowWith } from './support/workbench.ts';
import type { Workbench } from './support/workbench.ts';

/** A name in each of the places where nodes agree on names; the nodes find each other by multicast alone. */
const team = `
import { atom, defineCluster, genServer, hordeRegistry, hordeSupervisor, libcluster, noreply, ok, supervisor } from 'arsenal-otp/cluster';
const member = genServer<{ readonly joined: boolean }>('Elixir.Team.Member', {
  init: () => ok({ joined: false }, { timeoutMs: 500 }),
  *handleInfo(self, _message, { joined }) {
    if (!joined) yield* self.apply('pg', 'join', [atom('team'), self.pid]);
    yield* self.apply('global', 'register_name', [atom('captain'), self.pid]);
    // Again and again: a partition takes the name from whoever had it.
    yield* self.apply('Elixir.Horde.Registry', 'register', [atom('Elixir.Team.Names'), 'captain', atom(self.node)]);
    return noreply({ joined: true }, { timeoutMs: 500 });
  },
});
const player = genServer<null>('Elixir.Team.Player', { init: () => ok(null) }, { registered: null });
const top = supervisor('Elixir.Team.Supervisor', {
  children: [
    libcluster('Gossip'),
    { id: atom('pg'), module: 'pg' },
    hordeRegistry('Elixir.Team.Names'),
    hordeSupervisor('Elixir.Team.Players'),
    { module: member },
  ],
});
export default defineCluster({
  nodes: ['a@sim', 'b@sim', 'c@sim'],
  network: { mesh: 'none' },
  modules: [member, player, top],
  applications: [{ name: 'team', module: top }],
});
`;

describe('a cluster of one’s own on the command line', () => {
  let home = '';
  let served: Served | null = null;
  beforeAll(() => {
    home = makeHome();
  });
  afterEach(async () => {
    await served?.stop();
    served = null;
  });
  afterAll(() => {
    stopAll();
    fs.rmSync(home, { recursive: true, force: true });
  });

  /** Runs an operation on what is served, and answers its result. */
  async function result(operation: string, params: object = {}): Promise<unknown> {
    const to = ['--url', served?.url ?? '', '--json', '--params', JSON.stringify(params)];
    const { code, json, err } = await runCli(['run', operation, ...to], home, { ARSENAL_KEY: served?.key ?? '' });
    expect(code, err).toBe(0);
    return pick(json, 'data.attributes.result');
  }

  it('is generated, and runs as it stands', async () => {
    const folder = path.join(home, 'generated');
    fs.mkdirSync(folder);
    const made = await runCli(['generate', 'cluster', '--example', 'leader', '--folder', folder], home);
    expect(made.err).toBe('');
    expect(made.out).toContain('wrote arsenal.cluster.ts');
    const file = path.join(folder, 'arsenal.cluster.ts');
    const shown = await runCli(['run', 'cluster_topology', '--cluster-file', file, '--json'], home);
    expect(JSON.stringify(pick(shown.json, 'data.attributes.result'))).toContain('vote3@sim');
    const again = await runCli(['generate', 'cluster', '--folder', folder, '--json'], home);
    expect(again.code).toBe(1);
    expect(JSON.stringify(again.json)).toContain('scaffold.file_exists');
  });

  // @row R4.3
  it('answers for Horde, libcluster, global names and process groups, through a partition and after it', async () => {
    const file = path.join(home, 'arsenal.cluster.ts');
    fs.writeFileSync(file, team);
    served = await serve(['--cluster-file', file, '--seed', '7'], home);
    await result('step_time', { ms: 20_000 });
    expect(await result('list_topologies')).toMatchObject({
      items: [{ strategy: 'Elixir.Cluster.Strategy.Gossip', state: 'running' }, {}, {}],
    });
    expect(await result('list_groups')).toMatchObject({ items: [{ group: ':team', agreement: 'agreed', size: 3 }] });
    expect(await result('compare_global_names')).toMatchObject({
      items: [{ name: '{:global, :captain}', agreement: 'agreed' }],
    });
    const names = async () => result('horde_registry_inspect', { registry: 'Team.Names' });
    expect(await names()).toMatchObject({ items: [{ key: '"captain"', agreement: 'agreed' }], findings: [] });
    const spec = { id: 'one', module: 'Team.Player' };
    const started = await result('horde_start_child', { supervisor: 'Team.Players', spec });
    await result('step_time', { ms: 5000 });
    expect(await result('horde_supervisor_inspect', { supervisor: 'Team.Players' })).toMatchObject({
      items: [{ node: pick(started, 'node') }],
    });

    await result('partition_cluster', { islands: [['a@sim'], ['b@sim', 'c@sim']] });
    await result('step_time', { ms: 5000 });
    expect(await result('cluster_topology')).toMatchObject({ islands: [['b@sim', 'c@sim'], ['a@sim']] });
    // One on each side.
    expect(await names()).toMatchObject({ items: [{ key: '"captain"', agreement: 'conflict' }] });
    await result('heal_cluster');
    await result('step_time', { ms: 60_000 });
    expect(await result('cluster_topology')).toMatchObject({ islands: [['a@sim', 'b@sim', 'c@sim']] });
    expect(await names()).toMatchObject({ items: [{ key: '"captain"', agreement: 'agreed' }] });
  });
});

describe('a cluster of one’s own in the workbench', () => {
  let workbench: Workbench | null = null;
  afterEach(async () => {
    await workbench?.close();
    workbench = null;
  });
  const choice = ({ page }: Workbench, text: string | RegExp) =>
    page.locator('.quick-input-list .monaco-list-row', { hasText: text }).first();

  it('is offered where there is none, written, run from above its first line, broken and mended', async () => {
    workbench = await openWorkbench({ settings: { 'arsenal.connect.onStart': 'none' } });
    const { page, showArsenal, shoot, command, folder } = workbench;
    await showArsenal();
    await page
      .locator('.welcome-view-content a', { hasText: 'write a cluster of your own' })
      .click({ timeout: 60_000 });
    await choice(workbench, 'Leader election').click();
    await page.locator('.tab.active', { hasText: 'arsenal.cluster.ts' }).waitFor({ timeout: 60_000 });
    await page.locator('.codelens-decoration a', { hasText: 'Run This Cluster' }).click({ timeout: 60_000 });
    for (const node of ['vote1@sim', 'vote2@sim', 'vote3@sim']) await rowWith(page, node);
    await rowWith(page, 'Vote.Supervisor');
    await shoot('cluster-file', 'document');

    await command('Arsenal: Inspect Horde Registry');
    await choice(workbench, /Run\s*horde_registry_inspect/).click();
    await page.locator('.tab.active', { hasText: 'horde_registry_inspect' }).waitFor({ timeout: 60_000 });
    await page.locator('.view-line', { hasText: 'Vote.Names' }).first().waitFor({ timeout: 60_000 });

    const file = path.join(folder, 'arsenal.cluster.ts');
    const good = fs.readFileSync(file, 'utf8');
    await page.locator('.tab', { hasText: 'arsenal.cluster.ts' }).click();
    await page.locator('.monaco-editor .view-lines').first().click();
    await page.keyboard.press('Control+Home');
    await page.keyboard.type('const x = (;');
    await page.keyboard.press('Control+S');
    const problems = page.locator('.statusbar-item', { hasText: /^\s*1\s+0\s*$/ });
    await problems.waitFor({ timeout: 60_000 });
    await rowWith(page, 'vote1@sim');
    await command('Problems: Focus on Problems View');
    await page.locator('.markers-panel', { hasText: 'cluster_file.broken' }).waitFor({ timeout: 60_000 });
    await shoot('cluster-file-broken', 'document');
    await page.locator('.monaco-editor .view-lines').first().click();
    await page.keyboard.press('Control+Home');
    await page.keyboard.press('Shift+End');
    await page.keyboard.type('// Leader');
    await page.keyboard.press('Control+S');
    await page.locator('.markers-panel', { hasText: 'No problems' }).waitFor({ timeout: 60_000 });
    expect(fs.readFileSync(file, 'utf8').split('\n').slice(1)).toEqual(good.split('\n').slice(1));
  });

  // @row R2.2
  it('has time that is paused and stepped from the status bar, and nodes that are parted, as the tree says', async () => {
    workbench = await openWorkbench({ files: { 'arsenal.cluster.ts': team } });
    const opened = workbench;
    const { page, showArsenal, shoot, command } = opened;
    await showArsenal();
    await rowWith(page, 'c@sim');
    const time = page.locator('.statusbar-item[id="arsenal-otp.arsenal-otp.arsenal.time"]');
    await time.click();
    await choice(opened, 'Pause').click();
    await time.filter({ hasText: 'paused' }).waitFor({ timeout: 60_000 });
    const pausedAt = await time.innerText();
    await time.click();
    await choice(opened, 'Step 1 Second').waitFor();
    await shoot('time', 'document');
    await choice(opened, 'Step 1 Second').click();
    await time.filter({ hasNotText: pausedAt.trim() }).waitFor({ timeout: 60_000 });
    await time.click();
    await choice(opened, 'Run at 4×').click();
    await time.filter({ hasText: '4×' }).waitFor({ timeout: 60_000 });

    await command('Arsenal: Open Cluster Graph');
    // The graph takes the focus when it is there, and with it what is asked meanwhile.
    await opened.cluster().locator('[data-node="a@sim"]').waitFor({ timeout: 60_000 });
    await command('Arsenal: Partition Cluster');
    await choice(opened, 'a@sim').click();
    await page.keyboard.press('Enter');
    await choice(opened, /Run\s*partition_cluster/).click();
    await page.locator('.monaco-dialog-box .monaco-button', { hasText: 'Partition Cluster' }).click();
    await rowWith(page, /a@sim\s*cut off/, 60_000);
    await page.locator('.tab[aria-label="Cluster"]').click();
    await opened.cluster().locator('text=2 links lost').first().waitFor({ timeout: 60_000 });
    await shoot('partition', 'document');
    await command('Arsenal: Heal Cluster');
    await choice(opened, /Run\s*heal_cluster/).click();
    await rowWith(page, /a@sim\s*\d+ processes/, 120_000);
  });
});
