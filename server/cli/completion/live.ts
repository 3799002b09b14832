/** What a running gateway knows that completion can offer: its operations, and names of its system. What is not quick is nothing. */
import type { Json } from '../../../runtime/model.ts';
import { isJsonObject } from '../../gateway/jsonApi.ts';
import type { JsonObject } from '../../gateway/jsonApi.ts';
import type { CliIo } from '../io.ts';
import { callGateway, gatewayAddress } from '../remoteGateway.ts';
import type { GatewayAddress } from '../remoteGateway.ts';
import type { CompletableOperation } from './candidates.ts';

const mostNames = 500;

/** Where names of each kind of parameter are listed, and which attribute is the name. */
const listings: { readonly [kind: string]: { readonly path: string; readonly name: string } } = {
  node: { path: '/cluster/topology', name: 'node' },
  process: { path: `/registered-processes?sort=name&page[size]=${mostNames}`, name: 'name' },
  registeredName: { path: `/registered-processes?sort=name&page[size]=${mostNames}`, name: 'name' },
  supervisor: { path: `/supervisors?page[size]=${mostNames}`, name: 'name' },
  sandbox: { path: '/sandboxes', name: 'name' },
  trace: { path: '/traces', name: 'trace' },
};

export class LiveNames {
  readonly #address: GatewayAddress;
  readonly #signal: AbortSignal;

  constructor(address: GatewayAddress, signal: AbortSignal) {
    this.#address = address;
    this.#signal = signal;
  }

  /** Names that a parameter of this kind can have now. */
  async names(kind: string): Promise<readonly string[]> {
    const listing = Object.hasOwn(listings, kind) ? listings[kind] : undefined;
    if (listing === undefined) return [];
    const rows = await this.#rows(listing.path);
    return rows.map((row) => row[listing.name]).filter((name) => typeof name === 'string');
  }

  /** The operations there, the user's own and the nodes' among them; null when they do not come in time. */
  async operations(): Promise<readonly CompletableOperation[] | null> {
    const rows = await this.#rows('/operations');
    return rows.length === 0 ? null : rows.flatMap(operationOf);
  }

  async #rows(path: string): Promise<readonly JsonObject[]> {
    const request = { method: 'GET', path: `/api/v1${path}`, effectIfLost: 'none' } as const;
    const { result } = await callGateway(this.#address, request, this.#signal);
    const data: Json | undefined = result.ok ? result.value['data'] : undefined;
    if (!Array.isArray(data)) return [];
    return data
      .filter(isJsonObject)
      .map(({ attributes }) => attributes)
      .filter(isJsonObject);
  }
}

function operationOf(row: JsonObject): readonly CompletableOperation[] {
  const { name, title, category, params, aliases } = row;
  if (typeof name !== 'string' || typeof title !== 'string' || typeof category !== 'string') return [];
  if (!isJsonObject(params) || !Array.isArray(aliases)) return [];
  const names = aliases
    .filter(isJsonObject)
    .flatMap((each) => (typeof each['name'] === 'string' ? [each['name']] : []));
  return [{ name, title, category, params, aliases: names.map((alias) => ({ name: alias })) }];
}

/** The gateway that a command line names, or the environment; null where none is named with its key. */
export async function gatewayNamed(io: CliIo, words: readonly string[]): Promise<GatewayAddress | null> {
  const [url, key, keyFile] = ['--url', '--key', '--key-file'].map((flag) => optionIn(words, flag));
  const named = url ?? io.env['ARSENAL_URL'];
  if (named === undefined || named === '') return null;
  const options = { url: named, ...(key !== undefined && { key }), ...(keyFile !== undefined && { keyFile }) };
  const address = await gatewayAddress(io, options);
  return address.ok ? address.value : null;
}

function optionIn(words: readonly string[], flag: string): string | undefined {
  const at = words.indexOf(flag);
  return at >= 0 ? words[at + 1] : words.find((word) => word.startsWith(`${flag}=`))?.slice(flag.length + 1);
}
