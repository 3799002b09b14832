/**
 * Real Erlang and Elixir nodes for tests: on loopback only, found through an EPMD of their own, dead when the test is.
 *
 * A node reads expressions from its standard input and ends with it, so that it dies with whoever started it, even by SIGKILL, and
 * can be asked things without the distribution under test.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export type NodeOptions = {
  /** The part before `@`. */
  readonly name: string;
  readonly cookie: string;
  /** More arguments for `erl`. */
  readonly args?: readonly string[];
  /** A long name, `name@127.0.0.1`, in place of the short one, `name@localhost`. */
  readonly long?: boolean;
  /** Another host part of the name than those two; with dots or colons it is a long name. It listens on `::1` when that is the host. */
  readonly host?: string;
  /** More environment. */
  readonly env?: Readonly<Record<string, string>>;
};

export type LiveNode = {
  readonly node: string;
  readonly cookie: string;
  readonly epmdPort: number;
  /** Holds the cookie; readable by its owner only. */
  readonly cookieFile: string;
  readonly osPid: number;
  /** Evaluates expressions of the node's language in a new process there; answers the printed result or throws with the printed reason. */
  readonly eval: (code: string) => Promise<string>;
  /** Kills the node at once, and answers when it is gone. */
  readonly stop: () => Promise<void>;
};

const bootTimeoutMs = 30_000;
/** Begins each line that answers an expression; nothing else prints it. */
const answerMark = '\u0001answer';

const running = new Set<ChildProcess>();
const folders = new Set<string>();
let epmd: Promise<number> | null = null;

function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  folders.clear();
}
process.on('exit', killAll);

/** Ends every node and the EPMD that this module started. */
export function stopAll(): void {
  killAll();
  epmd = null;
}

/** A port on loopback that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new Error('The server has no port.'));
      });
    });
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => {
      resolve(false);
    });
  });
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

function keep(child: ChildProcess): ChildProcess {
  running.add(child);
  child.on('exit', () => running.delete(child));
  return child;
}

async function startEpmd(): Promise<number> {
  const port = await freePort();
  const child = keep(spawn('epmd', ['-port', String(port), '-address', '127.0.0.1'], { stdio: 'ignore' }));
  child.on('error', () => undefined);
  const until = Date.now() + bootTimeoutMs;
  while (Date.now() < until) {
    if (await accepts(port)) return port;
    await delay(10);
  }
  throw new Error('EPMD did not start.');
}

/** The port of the EPMD that all nodes of this test file share. */
export function sharedEpmd(): Promise<number> {
  epmd ??= startEpmd();
  return epmd;
}

/** `{Id, ok | error, Printed}` for each line `Id Base64`. */
const erlangLoop = `
  Loop = fun Again() ->
    case io:get_line("") of
      Line when is_list(Line) ->
        [Id, Code] = string:lexemes(string:trim(Line), " "),
        spawn(fun() ->
          {How, Printed} = try
            Text = unicode:characters_to_list(base64:decode(Code)),
            {ok, Tokens, _} = erl_scan:string(Text),
            {ok, Expressions} = erl_parse:parse_exprs(Tokens),
            {value, Value, _} = erl_eval:exprs(Expressions, []),
            {"ok", io_lib:format("~0tp", [Value])}
          catch Class:Reason -> {"error", io_lib:format("~0tp", [{Class, Reason}])}
          end,
          Answer = base64:encode_to_string(unicode:characters_to_binary(Printed)),
          io:put_chars(user, [1, "answer ", Id, " ", How, " ", Answer, "\\n"])
        end),
        Again();
      _ -> halt(0, [{flush, false}])
    end
  end,
  Loop().`;

const elixirLoop = `
  loop = fn again ->
    case IO.gets("") do
      line when is_binary(line) ->
        [id, code] = String.split(line)
        spawn(fn ->
          {how, printed} =
            try do
              {value, _} = Code.eval_string(Base.decode64!(code))
              {"ok", inspect(value, limit: :infinity, printable_limit: :infinity)}
            catch
              class, reason -> {"error", inspect({class, reason})}
            end
          IO.puts(:user, [1, "answer ", id, " ", how, " ", Base.encode64(printed)])
        end)
        again.(again)
      _ -> System.halt(0)
    end
  end
  loop.(loop)`;

type Waiting = { readonly resolve: (printed: string) => void; readonly reject: (error: Error) => void };

/** Asks a node over its standard input and output. */
class Console {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<string, Waiting>();
  readonly #printed: string[] = [];
  #next = 1;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on('error', (error) => {
      this.#fail(error);
    });
    child.on('exit', () => {
      this.#fail(new Error(`The node has ended. It had printed:\n${this.#printed.slice(-30).join('\n')}`));
    });
    child.stdin?.on('error', () => undefined);
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null)
        createInterface({ input: stream }).on('line', (line) => {
          this.#line(line);
        });
    }
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #line(line: string): void {
    const start = line.indexOf(answerMark);
    if (start < 0) {
      this.#printed.push(line);
      return;
    }
    const [, id, how, answer] = line.slice(start).split(' ');
    const waiting = this.#waiting.get(id ?? '');
    if (waiting === undefined) return;
    this.#waiting.delete(id ?? '');
    const printed = Buffer.from(answer ?? '', 'base64').toString('utf8');
    if (how === 'ok') waiting.resolve(printed);
    else waiting.reject(new Error(printed));
  }

  eval(code: string): Promise<string> {
    const id = String(this.#next++);
    return new Promise((resolve, reject) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        reject(new Error('The node has ended.'));
        return;
      }
      this.#waiting.set(id, { resolve, reject });
      this.#child.stdin?.write(`${id} ${Buffer.from(code, 'utf8').toString('base64')}\n`);
    });
  }
}

function hostOf({ host, long }: NodeOptions): string {
  return host ?? (long === true ? '127.0.0.1' : 'localhost');
}

/** The options that name a node and keep it on loopback. */
function nameArguments(options: NodeOptions, dashes: '-' | '--', node: string): readonly string[] {
  return [`${dashes}${/[.:]/.test(hostOf(options)) ? 'name' : 'sname'}`, node];
}

function loopback(options: NodeOptions): readonly string[] {
  const address = options.host === '::1' ? '{0,0,0,0,0,0,0,1}' : '{127,0,0,1}';
  return ['-kernel', 'inet_dist_use_interface', address];
}

async function start(
  options: NodeOptions,
  command: (node: string) => { readonly file: string; readonly args: readonly string[]; readonly ready: string },
): Promise<LiveNode> {
  const epmdPort = await sharedEpmd();
  const node = `${options.name}@${hostOf(options)}`;
  const home = mkdtempSync(join(tmpdir(), 'arsenal-node-'));
  folders.add(home);
  const cookieFile = join(home, '.erlang.cookie');
  writeFileSync(cookieFile, options.cookie, { mode: 0o400 });
  chmodSync(cookieFile, 0o400);
  const { file, args, ready } = command(node);
  const env = {
    ...process.env,
    HOME: home,
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    ...options.env,
  };
  const child = keep(spawn(file, args, { env, cwd: home, stdio: ['pipe', 'pipe', 'pipe'] }));
  const asked = new Console(child);
  const late = delay(bootTimeoutMs).then(() => {
    throw new Error(`${node} did not start in ${bootTimeoutMs} ms.`);
  });
  await Promise.race([asked.eval(ready), late]);
  if (child.pid === undefined) throw new Error(`${node} has no process.`);
  return {
    node,
    cookie: options.cookie,
    epmdPort,
    cookieFile,
    osPid: child.pid,
    eval: (code) => asked.eval(code),
    stop: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) {
          resolve();
          return;
        }
        child.once('exit', () => {
          resolve();
        });
        child.kill('SIGKILL');
      }),
  };
}

/** Starts an Erlang node; `eval` takes Erlang expressions, ending with a full stop. */
export function startErlang(options: NodeOptions): Promise<LiveNode> {
  return start(options, (node) => ({
    file: 'erl',
    args: [
      ...nameArguments(options, '-', node),
      '-noshell',
      ...loopback(options),
      ...(options.args ?? []),
      '-eval',
      erlangLoop,
    ],
    ready: 'true = is_alive().',
  }));
}

/** Starts an Elixir node; `eval` takes Elixir expressions. `args` go to `erl`. */
export function startElixir(options: NodeOptions): Promise<LiveNode> {
  const erlArgs = [...loopback(options), ...(options.args ?? [])].join(' ');
  return start({ ...options, env: { ELIXIR_ERL_OPTIONS: erlArgs, ...options.env } }, (node) => ({
    file: 'elixir',
    args: [...nameArguments(options, '--', node), '-e', elixirLoop],
    ready: 'true = Node.alive?()',
  }));
}
