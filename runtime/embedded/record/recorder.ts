/** Writes down what a deterministic cluster is asked from outside, so that the whole run can be had again. */
import { isResult } from '../../callGuard.ts';
import type { Json } from '../../model.ts';
import type { MethodName } from '../../port.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { EventLog } from './eventLog.ts';
import { scenarioFormat, scenarioVersion } from './scenarioFormat.ts';

/** What runs in the cluster, as a scenario file says it: `file` from the folder the scenario is kept in. */
export type WhatRuns = 'demo' | { readonly file: string };
/** Ends a call that is written down. */
export type Answered = (answer: unknown) => void;

type Call = { readonly name: string; readonly params: string; readonly atMs: number; outcome: string };

/** More calls than this are not kept: what is exported then says so by its hash, which a replay does not reach. */
const mostCalls = 100_000;
/** A replay waits as long as this for an answer, of the cluster's own time. */
const timeoutMs = 30_000;

export class Recorder {
  readonly #cluster: Cluster;
  readonly #log: EventLog;
  readonly #seed: number;
  readonly #runs: WhatRuns;
  readonly #nodes: readonly string[];
  readonly #calls: Call[] = [];

  constructor(cluster: Cluster, log: EventLog, seed: number, runs: WhatRuns) {
    this.#cluster = cluster;
    this.#log = log;
    this.#seed = seed;
    this.#runs = runs;
    this.#nodes = cluster.names;
  }

  /** A call begins now. Sandboxes are processes of the machine, and touch nothing in the cluster. */
  began(name: MethodName, params: unknown): Answered {
    if (name.startsWith('sandboxes.') || this.#calls.length >= mostCalls) return () => undefined;
    const call: Call = { name, params: JSON.stringify(params), atMs: this.#cluster.nowMs, outcome: 'unanswered' };
    this.#calls.push(call);
    return (answer) => {
      call.outcome = isResult(answer) ? (answer.ok ? 'ok' : answer.error.code) : 'threw';
      this.#log.add(`${this.#cluster.nowMs} answered ${name} ${call.outcome}`);
    };
  }

  /** All of it, as the content of a scenario file. */
  scenario(name: string): { readonly [key: string]: Json } {
    return {
      format: scenarioFormat,
      version: scenarioVersion,
      name,
      cluster: { runs: this.#runs, nodes: this.#nodes, schedule: 'fifo' },
      seed: this.#seed,
      choices: { by: 'seed' },
      calls: this.#calls.map(({ params, ...call }) => ({ is: 'port', ...call, params: parsed(params), timeoutMs })),
      leftOut: [],
      endedAtMs: this.#cluster.nowMs,
      failure: null,
      events: { count: this.#log.count, sha256: this.#log.sha256 },
      module: null,
    };
  }
}

function parsed(text: string): Json {
  const value: unknown = JSON.parse(text);
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
