import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flag, mandatory25, offered } from './flags.ts';
import type { HandshakeOptions, HandshakeStep } from './handshake.ts';
import { digest, Handshake } from './handshake.ts';

const options: HandshakeOptions = {
  name: 'us@localhost',
  creation: 77,
  cookie: 'crumbs',
  target: 'them@localhost',
  nameIsLeased: false,
};

function packet(...parts: readonly (string | number | Uint8Array)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part))));
  const length = Buffer.alloc(2);
  length.writeUInt16BE(body.length);
  return Buffer.concat([length, body]);
}

function challenge(name = 'them@localhost', flags = offered, form = 'N'): Buffer {
  const head = Buffer.alloc(18);
  head.writeBigUInt64BE(flags, 0);
  head.writeUInt32BE(0xfedcba98, 8);
  head.writeUInt32BE(5, 12);
  head.writeUInt16BE(Buffer.byteLength(name), 16);
  return packet(form, head, name);
}

/** The acknowledgement to the challenge in the packet that we sent. */
function acknowledgement(sent: Uint8Array | undefined, cookie = 'crumbs'): Buffer {
  const ours = Buffer.from(sent ?? []).readUInt32BE(3);
  return packet('a', digest(cookie, ours));
}

function failureOf(step: HandshakeStep): unknown {
  return step.kind === 'failed' ? step.error : step.kind;
}

describe('the handshake', () => {
  it('begins with our name, flags and creation, hidden', () => {
    const first = Buffer.from(new Handshake(options).start());
    expect(first.readUInt16BE(0)).toBe(first.length - 2);
    expect(first.toString('latin1', 2, 3)).toBe('N');
    expect(first.readBigUInt64BE(3)).toBe(0xd07df7fbcn);
    expect(first.readBigUInt64BE(3) & flag.published).toBe(0n);
    expect(first.readUInt32BE(11)).toBe(77);
    expect(first.toString('utf8', 17)).toBe('us@localhost');
  });

  it('is the same however the bytes are cut, and keeps what follows it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), (size) => {
        const handshake = new Handshake(options);
        handshake.start();
        const sent: Uint8Array[] = [];
        const feed = (bytes: Buffer): HandshakeStep => {
          let last: HandshakeStep = { kind: 'more', send: [] };
          for (let at = 0; at < bytes.length && last.kind === 'more'; at += size) {
            last = handshake.receive(bytes.subarray(at, at + size));
            sent.push(...last.send);
          }
          return last;
        };
        expect(feed(packet('sok')).kind).toBe('more');
        expect(feed(challenge()).kind).toBe('more');
        const reply = Buffer.from(sent[0] ?? []);
        expect(reply.subarray(7)).toEqual(digest('crumbs', 0xfedcba98));
        const done = feed(acknowledgement(reply));
        expect(done).toMatchObject({
          kind: 'established',
          established: { node: 'them@localhost', creation: 5, flags: offered },
        });
      }),
    );
    const handshake = new Handshake(options);
    const step = handshake.receive(Buffer.concat([packet('sok_simultaneous'), challenge()]));
    const last = handshake.receive(Buffer.concat([acknowledgement(step.send[0]), Buffer.from('rest')]));
    expect(last.kind === 'established' ? Buffer.from(last.established.rest).toString() : last.kind).toBe('rest');
  });

  it('frames with 4 bytes where TLS distribution does', () => {
    const first = Buffer.from(new Handshake({ ...options, lengthBytes: 4 }).start());
    expect(first.readUInt32BE(0)).toBe(first.length - 4);
  });

  it('takes the digest flag for what it stands for, and keeps only what both can do', () => {
    const handshake = new Handshake(options);
    const step = handshake.receive(Buffer.concat([packet('sok'), challenge('them@localhost', flag.mandatory25Digest)]));
    const last = handshake.receive(acknowledgement(step.send[0]));
    expect(last).toMatchObject({ established: { flags: mandatory25 | flag.mandatory25Digest } });
  });

  it('replaces an older connection of our name only when the name is leased to us', () => {
    const leased = new Handshake({ ...options, nameIsLeased: true }).receive(packet('salive'));
    expect([leased.kind, ...leased.send.map(String)]).toEqual(['more', '\0\u0005strue']);
    const polite = new Handshake(options).receive(packet('salive'));
    expect(polite).toMatchObject({ kind: 'failed', error: { kind: 'name_in_use' } });
    expect(polite.send.map(String)).toEqual(['\0\u0006sfalse']);
  });

  it.each([
    ['not allowed', packet('snot_allowed'), { kind: 'not_allowed' }],
    ['another attempt under our name', packet('snok'), { kind: 'name_in_use' }],
    ['an unknown status', packet('swhat'), { kind: 'protocol', what: 'garbage' }],
    ['a challenge before the status', challenge(), { kind: 'protocol', what: 'garbage' }],
    ['an HTTP server', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), { kind: 'protocol', what: 'garbage' }],
    ['a TLS server', Buffer.of(21, 3, 3, 0, 2, 2, 10), { kind: 'protocol', what: 'tls_expected' }],
    ['nothing in a packet', Buffer.of(0, 0), { kind: 'protocol', what: 'garbage' }],
  ])('tells %s', (_name, bytes, error) => {
    expect(failureOf(new Handshake(options).receive(bytes))).toMatchObject(error);
  });

  it.each([
    ['the old handshake', challenge('them@localhost', offered, 'n'), { kind: 'protocol', what: 'old_protocol' }],
    ['a peer without what we need', challenge('them@localhost', 4n), { kind: 'protocol', what: 'missing_flags' }],
    ['the same node under another host', challenge('them@127.0.0.1'), { kind: 'name_type', actual: 'them@127.0.0.1' }],
    ['another node', challenge('others@localhost'), { kind: 'wrong_node', actual: 'others@localhost' }],
    ['a challenge cut short', packet('N', 'short'), { kind: 'protocol', what: 'garbage' }],
    [
      'a name longer than its packet',
      packet('N', Buffer.alloc(16), 255, 255, 'x'),
      { kind: 'protocol', what: 'garbage' },
    ],
  ])('tells %s', (_name, bytes, error) => {
    expect(failureOf(new Handshake(options).receive(Buffer.concat([packet('sok'), bytes])))).toMatchObject(error);
  });

  it('tells a wrong cookie on either side, and what a close means', () => {
    const handshake = new Handshake(options);
    expect(handshake.closed()).toMatchObject({ kind: 'protocol', what: 'closed' });
    handshake.receive(packet('sok'));
    expect(handshake.closed()).toMatchObject({ kind: 'protocol', what: 'closed' });
    const step = handshake.receive(challenge());
    expect(handshake.closed()).toMatchObject({ kind: 'bad_cookie' });
    expect(failureOf(handshake.receive(acknowledgement(step.send[0], 'other')))).toMatchObject({ kind: 'bad_cookie' });
    const other = new Handshake(options);
    other.receive(Buffer.concat([packet('sok'), challenge()]));
    expect(failureOf(other.receive(packet('a', 'short')))).toMatchObject({ kind: 'protocol', what: 'garbage' });
  });

  it('takes any bytes without throwing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.boolean(), (bytes, afterStatus) => {
        const handshake = new Handshake(options);
        if (afterStatus) handshake.receive(packet('sok'));
        expect(['more', 'failed']).toContain(handshake.receive(bytes).kind);
      }),
    );
  });
});
