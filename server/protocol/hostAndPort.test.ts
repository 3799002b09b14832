import { describe, expect, it } from 'vitest';
import { hostAndPortText, parseHostAndPort, parsePort } from './hostAndPort.ts';

describe('an address', () => {
  it.each([
    ['box:4369', { host: 'box', port: 4369 }],
    ['10.0.0.5:1', { host: '10.0.0.5', port: 1 }],
    ['[::1]:65535', { host: '::1', port: 65_535 }],
  ])('%s is read, and written the same', (text, address) => {
    expect(parseHostAndPort(text)).toEqual(address);
    expect(hostAndPortText(address)).toBe(text);
  });

  it('that is none is not read', () => {
    const odd = ['', 'box', 'box:', ':1', 'box:0', 'box:65536', 'box:99999', '::1:80', '[box]:80', 'a b:80', 'box:80x'];
    for (const text of odd) expect(parseHostAndPort(text), text).toBeNull();
    for (const text of ['', '0', '-1', '1.5', '1e3', ' 80', '65536']) expect(parsePort(text), text).toBeNull();
    expect(parsePort('80')).toBe(80);
  });
});
