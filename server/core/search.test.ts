import { describe, expect, it } from 'vitest';
import { Registry } from './registry.ts';
import { searchEntries } from './search.ts';
import { looking } from './testKit.ts';

const registry = new Registry();
const say = (name: string, title: string, description = 'x', aliases: readonly string[] = []) =>
  registry.register(
    looking({ name, title, description, aliases: aliases.map((alias) => ({ name: alias, preset: {} })) }),
    { from: 'builtin' },
  );
say('list_processes', 'List Processes', 'The processes of each node.', ['process_list']);
say('kill_process', 'Kill Process', 'Ends a process.');
say('get_process_tree', 'Get Process Tree', 'Who started whom.', ['build_process_tree']);
say('garbage_collect_process', 'Garbage Collect Process', 'Frees memory.');
say('analyze_message_queue', 'Analyze Message Queue', 'What waits in the mailbox of a process.');
say('send_message', 'Send Message', 'Sends a message to a process.');
say('list_ets_tables', 'List ETS Tables', 'The tables of each node.');
say('cluster_health', 'Cluster Health', 'Whether the cluster is well.');
const names = (query: string) => searchEntries(registry.list(), query).map(({ name }) => name);

// @row RG-05
describe('a search', () => {
  it.each([
    ['kill_process', 'kill_process'],
    ['KillProcess', 'kill_process'],
    ['process list', 'list_processes'],
    ['process_list', 'list_processes'],
    ['build_process_tree', 'get_process_tree'],
    ['gc', 'garbage_collect_process'],
    ['mailbox', 'analyze_message_queue'],
    ['table', 'list_ets_tables'],
    ['exit proc', 'kill_process'],
    ['clutser', 'cluster_health'],
    ['heatlh', 'cluster_health'],
    ['kil process', 'kill_process'],
    ['anlyze quue', 'analyze_message_queue'],
    // A single letter is the beginning of a word, nothing in the middle of one.
    ['q', 'analyze_message_queue'],
    ['ueue', 'analyze_message_queue'],
  ])('for %j finds %s first', (query, first) => {
    expect(names(query)[0]).toBe(first);
  });

  it('puts what is called so before what is only said to be', () => {
    expect(names('process')).toEqual([
      'garbage_collect_process',
      'get_process_tree',
      'kill_process',
      'list_processes',
      'analyze_message_queue',
      'send_message',
    ]);
  });

  it('needs every word, and takes no short word for a misspelt one', () => {
    expect(names('kill cluster')).toEqual([]);
    expect(names('lst')).toEqual([]);
    expect(names('zzzzzz')).toEqual([]);
    expect(names('constructor')).toEqual([]);
    expect(names(' _ ')).toHaveLength(8);
  });
});
