/** The values of `list` by what `key` says of them, in order. (`Map.groupBy` is not in every release of the editor we support.) */
export function groupBy<K, V>(list: readonly V[], key: (value: V) => K): ReadonlyMap<K, readonly V[]> {
  const groups = new Map<K, V[]>();
  for (const value of list) {
    const group = groups.get(key(value));
    if (group === undefined) groups.set(key(value), [value]);
    else group.push(value);
  }
  return groups;
}
