/** Addresses as people write them. */

/** A port, 1 to 65535; null for anything else. */
export function parsePort(text: string): number | null {
  const port = Number(text);
  return /^\d{1,5}$/.test(text) && port > 0 && port < 65_536 ? port : null;
}

/** `HOST:PORT`, with an IPv6 address in brackets; null for anything else. */
export function parseHostAndPort(text: string): { readonly host: string; readonly port: number } | null {
  const [, bracketed, plain, portText = ''] = /^(?:\[([0-9a-fA-F:]+)\]|([^:\s[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = parsePort(portText);
  return host === undefined || port === null ? null : { host, port };
}

/** What {@link parseHostAndPort} reads. */
export function hostAndPortText({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(':') ? `[${host}]:${String(port)}` : `${host}:${String(port)}`;
}
