// Stands in for ssh in tests: forwards a port (`-L`), refuses what a real one would refuse, and writes down how it was called. Names
// below `.far` are known to it alone, as those behind a real one are. Environment: STAND_IN_SSH is the file to write into.
import { appendFileSync } from 'node:fs';
import net from 'node:net';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';

const args = process.argv.slice(2);
/** @param {unknown} line */
const log = (line) => appendFileSync(process.env.STAND_IN_SSH ?? '/dev/null', `${JSON.stringify(line)}\n`);
/** @type {(said: string) => never} */
const fail = (said) => {
  process.stderr.write(`${said}\n`);
  process.exit(255);
};

const options = new Map();
let forward = '';
let target = '';
for (let at = 0; at < args.length; at += 1) {
  const arg = args[at] ?? '';
  if (arg === '-N' || arg === '-T') options.set(arg, true);
  else if (arg === '-L') forward = args[(at += 1)] ?? '';
  else if (arg === '-o') {
    const [name, value] = (args[(at += 1)] ?? '').split('=', 2);
    options.set(name ?? '', value);
  } else if (arg === '-p' || arg === '-i' || arg === '-J') options.set(arg, args[(at += 1)]);
  else if (arg === '--') target = args[(at += 1)] ?? '';
  else fail(`unknown option -- ${arg}`);
}
log({ is: 'called', pid: process.pid, args });
if (options.get('-N') !== true || options.get('BatchMode') !== 'yes' || options.get('ExitOnForwardFailure') !== 'yes') {
  fail('It could ask, or go on without its forward.');
}
if (target.startsWith('stranger@')) fail(`${target}: Permission denied (publickey).`);
if (target.startsWith('hanging@')) await delay(60_000);

const [, bind, localPort, bracketed, named, port] =
  /^([^:]+):(\d+):(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(forward) ??
  fail(`Bad local forwarding specification '${forward}'`);
const host = bracketed ?? named ?? '';
// Being let in takes its time.
await delay(50);
const server = net.createServer((near) => {
  const far = net.connect(Number(port), host.endsWith('.far') ? '127.0.0.1' : host);
  near.on('error', () => far.destroy());
  far.on('error', () => near.destroy());
  far.on('connect', () => log({ is: 'forwarded', host, port: Number(port) }));
  near.on('close', () => far.destroy());
  far.on('close', () => near.destroy());
  near.pipe(far).pipe(near);
});
server.on('error', (error) => fail(`bind [${bind}]:${localPort}: ${error.message}`));
server.listen(Number(localPort), bind);
