/** What to say of TLS and of the way to a node, for each thing that can be wrong with it: class, message, remedy. */
import type { ErrorClass } from '../model.ts';
import type { TlsFault } from './dist/tls.ts';

export const tlsWords: { readonly [what in TlsFault]: readonly [ErrorClass, string, string] } = {
  unknown_ca: [
    'authentication',
    'nobody whom we trust vouches for its certificate.',
    'Give the certificate of the authority that signed it (--tls-ca), the cacertfile of its -ssl_dist_optfile.',
  ],
  expired: ['authentication', 'its certificate has expired.', 'Have the node given a new certificate.'],
  not_yet_valid: [
    'authentication',
    'its certificate is not valid yet.',
    'Check the clock of this machine, and from when the certificate is to be valid.',
  ],
  revoked: ['authentication', 'its certificate has been revoked.', 'Have the node given a new certificate.'],
  wrong_host: [
    'authentication',
    'its certificate is for another host.',
    'Connect by the name in the certificate, or give that name (--tls-servername). Somebody else may answer in its place.',
  ],
  wrong_purpose: [
    'authentication',
    'its certificate is not one for servers.',
    'Have the node given a certificate whose extended key usage includes serverAuth.',
  ],
  client_certificate_required: [
    'authentication',
    'it demands a certificate of ours.',
    'Give one that an authority of the node’s cacertfile signed, and its key (--tls-cert, --tls-key).',
  ],
  client_certificate_refused: [
    'authentication',
    'it does not accept our certificate.',
    'Give one that an authority of the node’s cacertfile signed, that has not expired, and that is for clients.',
  ],
  own_files: [
    'validation',
    'our own certificate or key cannot be used.',
    'Give PEM files, a key that is not encrypted, and the certificate that belongs to it.',
  ],
  version: [
    'unavailable',
    'it speaks no version of TLS that we do.',
    'Let it offer TLS 1.2 or 1.3 (versions in its -ssl_dist_optfile).',
  ],
  refused: ['unavailable', 'it refused the TLS connection.', 'Look into the log of the node: it says why.'],
  not_tls: [
    'unavailable',
    'what answers there does not speak TLS.',
    'Connect without TLS, or start the node with -proto_dist inet_tls.',
  ],
  silent: [
    'timeout',
    'it did not answer when we began TLS.',
    'A node without TLS distribution is silent then: connect without TLS. Or it hangs: see whether it runs.',
  ],
  closed: [
    'unavailable',
    'it closed the connection when we began TLS.',
    'A node without TLS distribution may do so: connect without TLS. Else look into the log of the node.',
  ],
};

/** What to do about a way through ssh that is not there. */
export function routeRemedy(code: string): string {
  switch (code) {
    case 'ssh_missing':
      return 'Install OpenSSH’s ssh, so that it is found in PATH, or reach the node in another way.';
    case 'ssh_timeout':
      return 'See whether `ssh TARGET` lets you in without asking anything, and how long it takes.';
    case 'ssh_host':
      return 'The part of the node’s name after the @ is no host name: give the address itself.';
    default:
      return 'Make `ssh TARGET` work without a question: a key in the agent, the host known, port forwarding allowed, and no LocalForward in its configuration that is in use already.';
  }
}
