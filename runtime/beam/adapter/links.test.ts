import { describe, expect, it } from 'vitest';
import { callOptions } from '../../callOptions.ts';
import type { DistError } from '../dist/errors.ts';
import { failure } from '../dist/errors.ts';
import { Links } from './links.ts';
import { Places } from './places.ts';

const node = 'shop@127.0.0.1';
const message = 'It failed.';

/** Links all of whose attempts fail so, and the nodes whose links they said have changed. */
function failing(error: DistError) {
  const changed: string[] = [];
  const places = new Places({ node, address: { host: '127.0.0.1', port: 1 } }, 4369);
  const hidden = { connect: () => Promise.resolve(failure(error)), close: () => undefined };
  const links = new Links(hidden, places, { dial: undefined, attemptMs: 1_000 }, (one) => void changed.push(one));
  return { links, changed };
}

describe('a link that does not come about', () => {
  it('is of a node that is down when that closes without a word, as one does that is ending; it is tried again', async () => {
    const { links } = failing({ kind: 'protocol', message, what: 'closed' });
    expect((await links.look(node, callOptions(1_000))).ok).toBe(false);
    expect(links.stateOf(node)).toMatchObject({ is: 'down', why: 'down' });
    expect(links.stateOf(node)).not.toMatchObject({ retryAfter: null });
  });

  it('is a refusal when the node says so, and is not tried again', async () => {
    const { links } = failing({ kind: 'bad_cookie', message, node });
    expect((await links.look(node, callOptions(1_000))).ok).toBe(false);
    expect(links.stateOf(node)).toMatchObject({ is: 'down', why: 'refused', retryAfter: null });
  });

  it('was the end of the node once EPMD knows it no more, however it looked', async () => {
    const { links, changed } = failing({ kind: 'bad_cookie', message, node });
    await links.look(node, callOptions(1_000));
    links.ended(node);
    expect(links.stateOf(node)).toMatchObject({ is: 'down', why: 'down', error: { code: 'connect.bad_cookie' } });
    expect(changed).toEqual([node, node]);
    links.ended(node);
    links.ended('till@127.0.0.1');
    expect(changed).toEqual([node, node]);
  });

  it('is silence where nothing answers, which no EPMD has a say in', async () => {
    const { links } = failing({ kind: 'connect_timeout', message, phase: 'handshake' });
    await links.look(node, callOptions(1_000));
    links.ended(node);
    expect(links.stateOf(node)).toMatchObject({ is: 'down', why: 'silent' });
  });
});
