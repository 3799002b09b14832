import { expect, it } from 'vitest';
import { a, tup } from '../../term/values.ts';
import { inProcess, nodeOf, shown, spawn, testCluster } from '../testKit.ts';
import { receive } from './flow.ts';
import { infoItems, isInfoItem, processInfo } from './processInfo.ts';

it('says of a waiting process what the BEAM would', () => {
  const cluster = testCluster();
  const node = nodeOf(cluster);
  const watched = spawn(node, function* () {
    for (;;) yield* receive();
  });
  const subject = spawn(node, function* (self) {
    self.register(a('subject'), self.pid);
    self.link(watched.pid);
    self.monitor(watched.pid);
    self.put(a('key'), [1]);
    self.trapExit(true);
    yield* receive({ match: () => false, at: 'subject:wait/1' });
  });
  cluster.runUntil(30);
  node.deliver(subject, tup(1, 'text'));
  cluster.runUntil(40);
  const said = Object.fromEntries(infoItems.map((item) => [item, shown(processInfo(subject, item))]));
  expect(said).toMatchObject({
    registered_name: 'subject',
    current_function: '{subject,wait,1}',
    current_stacktrace: '[{subject,wait,1,[]}]',
    initial_call: '{test,run,0}',
    status: 'waiting',
    message_queue_len: '1',
    messages: '[{1,"text"}]',
    links: '[pid]',
    monitors: '[{process,pid}]',
    monitored_by: '[]',
    trap_exit: 'true',
    dictionary: '[{key,[1]}]',
    // {1, <<"text">>} in its mailbox is 2 + 3 + 7 words; key and [1] in its dictionary are 3 + 2.
    memory: '136',
    total_heap_size: '17',
    priority: 'normal',
    message_queue_data: 'on_heap',
    parent: 'undefined',
    catchlevel: '0',
    suspending: '[]',
    garbage_collection: 'nil',
  });
  expect(processInfo(watched, 'links')).toEqual([subject.pid]);
  expect(processInfo(watched, 'monitored_by')).toEqual([subject.pid]);
  expect(isInfoItem('no_such_item')).toBe(false);
});

it('sets flags, answers what they were, and refuses what they cannot be', () => {
  const cluster = testCluster();
  inProcess(cluster, function* (self) {
    expect(self.processFlag(a('trap_exit'), true)).toBe(false);
    expect(self.processFlag(a('trap_exit'), false)).toBe(true);
    expect(self.processFlag(a('priority'), a('high'))).toBe(a('normal'));
    expect(self.processInfo(self.pid, a('priority'))).toBe(a('high'));
    for (const [flag, value] of [
      ['priority', a('urgent')],
      ['trap_exit', 1],
      ['no_such_flag', 1],
      ['min_heap_size', -1],
    ] as const) {
      expect(() => self.processFlag(a(flag), value)).toThrow(expect.objectContaining({ reason: a('badarg') }));
    }
    const gone = self.spawnBody({ is: 'flow', *run() {} }, { module: 'test', function: 'gone', arity: 0 });
    const ref = self.monitor(gone);
    yield* receive({ marker: ref });
    expect(self.processInfo(gone, a('links'))).toBe(null);
    expect(() => self.processInfo(self.pid, a('nothing'))).toThrow(expect.objectContaining({ reason: a('badarg') }));
  });
});
