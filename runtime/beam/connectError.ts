/** Why a node could not be joined, as errors that say what to do: each cause has a code of its own. */
import type { ArsenalError, ErrorClass, Json } from '../model.ts';
import { arsenalError } from '../errors.ts';
import type { DistError } from './dist/errors.ts';
import { routeRemedy, tlsWords } from './reachWords.ts';

/** Whether trying again by ourselves can help, and does not fill the target's log with refused attempts. */
export function isWorthRetrying(error: DistError): boolean {
  switch (error.kind) {
    case 'epmd_unreachable':
    case 'epmd_refused':
    case 'no_such_node':
    case 'host_unresolved':
    case 'connect_refused':
    case 'connect_timeout':
    case 'noconnection':
    case 'timeout':
      return true;
    case 'protocol':
      // A node that is ending takes connections and says nothing; one that refuses us has a word for it.
      return error.what === 'closed';
    case 'tls':
      return error.what === 'silent' || error.what === 'closed';
    case 'route':
      return error.code === 'ssh_ended' || error.code === 'ssh_timeout';
    default:
      return false;
  }
}

/**
 * The error of a failed attempt to join `node`. `known` are the names that the EPMD asked knows, when it knows not this one; null
 * when it was not asked.
 */
export function connectError(error: DistError, node: string, known: readonly string[] | null = null): ArsenalError {
  const make = (
    errorClass: ErrorClass,
    code: string,
    message: string,
    remedy: string,
    details: { readonly [key: string]: Json } = {},
  ): ArsenalError => arsenalError(errorClass, code, message, remedy, { node, details });
  switch (error.kind) {
    case 'epmd_unreachable':
      return make(
        'unavailable',
        'connect.epmd_unreachable',
        `No EPMD answers at ${error.host}:${String(error.port)}, so ${node} cannot be found.`,
        'Start the node with a name (--sname or --name), or give EPMD’s port (ERL_EPMD_PORT) or the node’s own host:port.',
        { host: error.host, port: error.port, why: error.why },
      );
    case 'epmd_refused':
      return make(
        'unavailable',
        'connect.epmd_unreachable',
        `What answers at ${error.host}:${String(error.port)} is no EPMD.`,
        'Give EPMD’s port (ERL_EPMD_PORT of the node), or the node’s own host:port.',
        { host: error.host, port: error.port, why: 'garbage' },
      );
    case 'no_such_node':
      return make(
        'not_found',
        'connect.no_such_node',
        `The EPMD of ${error.host} knows no node ${node}.${knownText(known)}`,
        'Start the node, or choose one of the names that EPMD knows. A node that was given its name by another (-sname undefined) has no name of its own there and accepts no connection. One without EPMD needs its address.',
        { host: error.host, ...(known !== null && { known }) },
      );
    case 'host_unresolved':
      return make(
        'unavailable',
        'connect.host_unresolved',
        `The host ${error.host} is not known to this machine.`,
        'Check what stands after the @ of the node’s name; give an address if the name is not known here.',
        { host: error.host },
      );
    case 'connect_refused':
      return make(
        'unavailable',
        'connect.refused',
        `${node} cannot be reached at ${error.host}:${String(error.port)}.`,
        'It may have just ended, or a firewall may stand between. Its port is in the range inet_dist_listen_min to …_max.',
        { host: error.host, port: error.port },
      );
    case 'connect_timeout':
      return make(
        'timeout',
        'connect.timeout',
        `${node} did not answer in time (${phaseText(error.phase)}).`,
        'See whether the node hangs or the network drops packets, then try again.',
        { phase: error.phase },
      );
    case 'timeout':
      return make(
        'timeout',
        'connect.timeout',
        `${node} did not answer in time.`,
        'See whether the node hangs or the network drops packets, then try again.',
      );
    case 'not_allowed':
      return make(
        'authorization',
        'connect.not_allowed',
        `${node} does not let us in.`,
        'It restricts who may connect (net_kernel:allow/1, or -connect_all, or its protocol flags). Ask whoever runs it.',
      );
    case 'dynamic_name':
      return make(
        'unsupported',
        'connect.dynamic_name',
        `${node} has no name of its own: it takes one from the node it connects to, and accepts no connection.`,
        'Connect to that other node and look at it from there, or start it with a name (--sname shop, --name shop@host).',
      );
    case 'tls': {
      const [errorClass, message, remedy] = tlsWords[error.what];
      return make(errorClass, `connect.tls_${error.what}`, `${node}: ${message}`, remedy, {
        host: error.host,
        ...(error.code !== '' && { openssl: error.code }),
      });
    }
    case 'route':
      return make(
        error.code === 'ssh_timeout' ? 'timeout' : 'unavailable',
        `connect.${error.code}`,
        `The way through ssh to ${error.host}:${String(error.port)} did not come about.${error.detail === '' ? '' : ` ssh says: ${error.detail}`}`,
        routeRemedy(error.code),
        { host: error.host, port: error.port, ssh: error.detail },
      );
    case 'name_in_use':
      return make(
        'conflict',
        'connect.name_in_use',
        `${node} has a connection from ${error.name} already.`,
        'Another program uses the name. Close it, or connect from another window.',
        { name: error.name },
      );
    case 'bad_cookie':
      return make(
        'authentication',
        'connect.bad_cookie',
        `${node} does not accept the cookie.`,
        'Give the cookie of the node: erlang:get_cookie() there, or the file .erlang.cookie of the user who runs it. Every failed attempt is logged on the node, so it is not tried again.',
      );
    case 'name_type':
      return make(
        'validation',
        'connect.name_type',
        `The node calls itself ${error.actual}, not ${error.expected}: what stands after the @ is part of the name, short with -sname, long with -name.`,
        `Connect to ${error.actual}.`,
        { expected: error.expected, actual: error.actual },
      );
    case 'wrong_node':
      return make(
        'conflict',
        'connect.wrong_node',
        `At that address answers ${error.actual}, not ${error.expected}.`,
        'Check the address, or connect to the node that answers there.',
        { expected: error.expected, actual: error.actual },
      );
    case 'protocol':
      return make(
        'unavailable',
        'connect.protocol',
        `What answers for ${node} does not speak the distribution protocol of OTP 23 and later as we do.`,
        protocolRemedy[error.what],
        { what: error.what, message: error.message },
      );
    case 'cancelled':
      return make(
        'cancelled',
        'call.cancelled',
        'The connection attempt was cancelled.',
        'Connect again when you want.',
      );
    case 'noconnection':
      return make(
        'unavailable',
        'connect.closed',
        `${node} closed the connection.`,
        'Look into the log of the node, then try again.',
        { why: error.why },
      );
    case 'exception':
    case 'down':
    case 'spawn_failed':
    case 'encode':
    case 'busy':
      return make(
        'unavailable',
        'connect.protocol',
        `${node} let us in but did not answer what it was first asked.`,
        'Look into the log of the node, then try again.',
        { kind: error.kind, message: error.message },
      );
  }
}

const protocolRemedy: { readonly [what in Extract<DistError, { kind: 'protocol' }>['what']]: string } = {
  old_protocol: 'Nodes before OTP 23 cannot be joined.',
  missing_flags: 'Nodes before OTP 23 cannot be joined.',
  tls_expected: 'The node uses TLS distribution (-proto_dist inet_tls): connect with TLS (--tls --tls-ca FILE).',
  garbage: 'Something else may listen on that port: check the address.',
  closed: 'It closed the connection in the middle of the handshake: look into the log of the node.',
  name: 'Check the name of the node.',
};

function phaseText(phase: Extract<DistError, { kind: 'connect_timeout' }>['phase']): string {
  switch (phase) {
    case 'epmd':
      return 'asking EPMD';
    case 'connect':
      return 'opening the connection';
    case 'handshake':
      return 'in the handshake';
  }
}

function knownText(known: readonly string[] | null): string {
  if (known === null) return '';
  return known.length === 0 ? ' It knows none.' : ` It knows ${known.join(', ')}.`;
}
