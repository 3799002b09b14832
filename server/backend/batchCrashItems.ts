/** The batches of the crash test: the same for the process that is killed and for the one that asks afterwards. */
const items = {
  independent: [
    { operation: 'list_processes', params: { limit: 1 }, id: 'look' },
    { operation: 'kill_process', params: { pid: 'Shop.Catalog', node: 'shop2@h' }, id: 'first' },
    { operation: 'kill_process', params: { pid: 'only_here' }, id: 'stuck' },
    { operation: 'kill_process', params: { pid: 'Shop.Catalog' }, id: 'never' },
  ],
  atomic: [
    { operation: 'list_processes', params: { limit: 1 }, id: 'look' },
    { operation: 'suspend_process', params: { pid: 'Shop.Catalog', node: 'shop2@h' }, id: 'first' },
    { operation: 'suspend_process', params: { pid: 'only_here' }, id: 'stuck' },
    { operation: 'suspend_process', params: { pid: 'Shop.Catalog' }, id: 'never' },
  ],
} as const;

/** The parameters of the batch of that mode. */
export function crashedBatch(mode: string) {
  return { mode, concurrency: 1, items: [...items[mode === 'atomic' ? 'atomic' : 'independent']] };
}
