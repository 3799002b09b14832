/** Certificates for tests of TLS distribution, made anew each time by Erlang's own public_key: nothing with a key in it is kept. */
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const runFile = promisify(execFile);

export type CertificateFiles = { readonly cert: string; readonly key: string };
export type Certificates = {
  /** Of the authority that signed all but `stranger`. */
  readonly ca: string;
  /** For the host localhost and the address 127.0.0.1. */
  readonly server: CertificateFiles;
  readonly expired: CertificateFiles;
  readonly elsewhere: CertificateFiles;
  readonly client: CertificateFiles;
  /** Signed by an authority that nobody knows. */
  readonly stranger: CertificateFiles;
};

/**
 * Writes PEM files for each certificate. `{Extension, Id, Critical, Value}` is as in public_key's records; id-ce-subjectAltName is
 * 2.5.29.17.
 */
const make = `
  Dir = os:getenv("CERTIFICATES"),
  Day = 24 * 60 * 60,
  At = fun(Days) -> calendar:gregorian_seconds_to_datetime(
      calendar:datetime_to_gregorian_seconds(calendar:universal_time()) + Days * Day) end,
  Validity = fun(From, To) -> {F, _} = At(From), {T, _} = At(To), {validity, {F, T}} end,
  Names = fun(Names) -> {extensions, [{'Extension', {2,5,29,17}, false, Names}]} end,
  Write = fun(Name, Type, Der) ->
    ok = file:write_file(filename:join(Dir, Name), public_key:pem_encode([{Type, Der, not_encrypted}]))
  end,
  Strong = [{key, {namedCurve, secp256r1}}, {digest, sha256}],
  Root = fun(Name) -> public_key:pkix_test_root_cert(Name, Strong) end,
  Known = Root("known"),
  Unknown = Root("unknown"),
  Signed = fun(Name, By, Options) ->
    Chain = #{root => By, intermediates => [], peer => Options ++ Strong},
    #{server_config := Made} = public_key:pkix_test_data(#{server_chain => Chain, client_chain => Chain}),
    {KeyType, Key} = proplists:get_value(key, Made),
    Write(Name ++ ".pem", 'Certificate', proplists:get_value(cert, Made)),
    Write(Name ++ ".key", KeyType, Key)
  end,
  Write("ca.pem", 'Certificate', maps:get(cert, Known)),
  Here = Names([{dNSName, "localhost"}, {iPAddress, <<127,0,0,1>>}]),
  Now = Validity(-1, 7),
  Signed("server", Known, [Here, Now]),
  Signed("expired", Known, [Here, Validity(-20, -10)]),
  Signed("elsewhere", Known, [Names([{dNSName, "elsewhere.example"}]), Now]),
  Signed("client", Known, [Names([{dNSName, "window.example"}]), Now]),
  Signed("stranger", Unknown, [Here, Now]),
  halt().`;

/** Makes the certificates in a new folder `directory`. */
export async function makeCertificates(directory: string): Promise<Certificates> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await runFile('erl', ['-noshell', '-eval', make], {
    env: { ...process.env, CERTIFICATES: directory },
    timeout: 30_000,
  });
  const of = (name: string): CertificateFiles => ({
    cert: path.join(directory, `${name}.pem`),
    key: path.join(directory, `${name}.key`),
  });
  return {
    ca: path.join(directory, 'ca.pem'),
    server: of('server'),
    expired: of('expired'),
    elsewhere: of('elsewhere'),
    client: of('client'),
    stranger: of('stranger'),
  };
}

/**
 * An `-ssl_dist_optfile` for a node with the certificate `own`; with `demands` it lets nobody in whose certificate the authority did not
 * sign. Answers the arguments for `erl`.
 */
export async function tlsArguments(
  file: string,
  { ca, own, demands, version }: { ca: string; own: CertificateFiles; demands: boolean; version?: 'tlsv1.2' },
): Promise<readonly string[]> {
  const shared = `{cacertfile, "${ca}"}, {certfile, "${own.cert}"}, {keyfile, "${own.key}"}`;
  const only = version === undefined ? '' : `, {versions, ['${version}']}`;
  const demanded = demands ? ', {verify, verify_peer}, {fail_if_no_peer_cert, true}' : '';
  const options = `[{server, [${shared}${demanded}${only}]}, {client, [${shared}, {verify, verify_none}${only}]}].\n`;
  await writeFile(file, options);
  return ['-proto_dist', 'inet_tls', '-ssl_dist_optfile', file];
}
