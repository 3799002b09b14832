/** What the catalogue says of who asks: which operations can be run here, and what keeps the others from it. */
import { afterEach, describe, expect, it } from 'vitest';
import { errorOf } from '../core/testKit.ts';
import type { Caller } from './backend.ts';
import type { House } from './testKit.ts';
import { at, editor, fakeShop, houseOn, listAt } from './testKit.ts';

let house: House | null = null;
afterEach(async () => {
  await house?.close();
  house = null;
});

const viewer: Caller = { ...editor, role: 'viewer' };

async function runnable(own: House, caller: Caller, connection?: null): Promise<readonly unknown[]> {
  const answer = await own.run(
    'list_operations',
    { filter: { canRun: { eq: true } }, fields: ['name'], limit: 1000 },
    connection === null ? { connection } : {},
    { caller },
  );
  if (!answer.ok || answer.value.mode !== 'run') throw new Error(JSON.stringify(answer));
  return listAt(answer.value.result, 'items').map((row) => at(row, 'name'));
}

const codesOf = async (own: House, operation: string, caller: Caller, connection?: null) => {
  const call = connection === null ? { connection } : {};
  const answer = await own.run('describe_operation', { operation }, call, { caller });
  if (!answer.ok || answer.value.mode !== 'run') throw new Error(JSON.stringify(answer));
  const { result } = answer.value;
  return { canRun: at(result, 'canRun'), codes: listAt(result, 'hindrances').map((one) => at(one, 'code')) };
};

// @row RG-08
describe('what keeps an operation from being run', () => {
  it('is told by describe_operation, all of it at once', async () => {
    house = await houseOn(fakeShop());
    expect(await codesOf(house, 'kill_process', editor)).toEqual({ canRun: true, codes: [] });
    expect(await codesOf(house, 'kill_process', viewer)).toEqual({ canRun: false, codes: ['role.insufficient'] });
    expect(await codesOf(house, 'kill_process', viewer, null)).toEqual({
      canRun: false,
      codes: ['role.insufficient'],
    });
    const [connection] = house.backend.connections();
    house.backend.setAccess(connection?.id ?? '', 'read_only', house.options);
    expect(await codesOf(house, 'kill_process', editor)).toEqual({ canRun: false, codes: ['connection.read_only'] });
    expect(await codesOf(house, 'list_processes', viewer)).toEqual({ canRun: true, codes: [] });
    expect(await codesOf(house, 'list_operations', viewer, null)).toEqual({ canRun: true, codes: [] });
  });

  it('says that the system behind the connection cannot do it, and what to do', async () => {
    house = await houseOn(fakeShop({ methods: ['cluster.nodes', 'names.resolve', 'processes.info'] }));
    const described = await house.result('describe_operation', { operation: 'kill_process' });
    expect(described).toMatchObject({
      canRun: false,
      hindrances: [
        { code: 'runtime.unsupported', message: expect.stringContaining('Kill Process is not possible here') },
      ],
    });
  });

  it('can be asked of the whole catalogue', async () => {
    house = await houseOn(fakeShop());
    const all = await runnable(house, editor);
    const looking = await runnable(house, viewer);
    expect(all).toEqual(expect.arrayContaining(['kill_process', 'list_processes', 'list_operations']));
    expect(looking).toEqual(expect.arrayContaining(['list_processes', 'list_operations']));
    expect(looking).not.toContain('kill_process');
    expect(await runnable(house, viewer, null)).toContain('list_processes');
    expect(await runnable(house, viewer, null)).not.toContain('kill_process');
  });

  it('names those that may have been meant by a name that is none', async () => {
    house = await houseOn(fakeShop());
    const error = errorOf(await house.run('describe_operation', { operation: 'kill_proces' }));
    expect(error).toMatchObject({ code: 'operation.not_found', remedy: expect.stringContaining('kill_process') });
    const far = errorOf(await house.run('describe_operation', { operation: 'qqqqqqqq' }));
    expect(far.remedy).not.toContain('Did you mean');
  });
});
