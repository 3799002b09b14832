/**
 * kernel's `logger`: levels, filters, handlers and formatters of one node. An event that is logged is first of all a `report` of the
 * kernel, which is what watches, histories and the user see; handlers come beside that. Handlers and filters run in the process
 * that logs, as in OTP; one that crashes is removed.
 */
import type { Value } from '../../term/values.ts';
import { a, Atom, tup } from '../../term/values.ts';
import type { Self } from '../kernel/self.ts';

/** From the most to the least severe. */
export const levels = ['emergency', 'alert', 'critical', 'error', 'warning', 'notice', 'info', 'debug'] as const;
export type Level = (typeof levels)[number];
export type LevelLimit = Level | 'none' | 'all';

/** What is logged: `report` is the map of `{report, Map}`, `string` a line of text. */
export type LogEvent = {
  readonly level: Level;
  readonly msg: { readonly report: Value } | { readonly string: string };
  /** `pid`, `gl` and `time` (microseconds of the cluster's clock) always; `domain`, `mfa`, `module` where known. */
  readonly meta: { readonly [key: string]: Value };
};

/** A filter's answer: the event (changed or not), `stop` to drop it, `ignore` to leave it to the next filter. */
export type LogFilter = (event: LogEvent) => LogEvent | 'stop' | 'ignore';
export type LogHandler = {
  readonly level?: LevelLimit;
  readonly filters?: readonly (readonly [string, LogFilter])[];
  /** What an event becomes that all filters ignored: logged unless said. */
  readonly filterDefault?: 'log' | 'stop';
  log(self: Self, event: LogEvent): void;
};

const loggers = new WeakMap<object, Logger>();

/** The logger of the node that this process is on. */
export function loggerOf(self: Self): Logger {
  let logger = loggers.get(self.home);
  if (logger === undefined) {
    logger = new Logger();
    loggers.set(self.home, logger);
  }
  return logger;
}

/** The logger's configuration and handlers of one node. */
export class Logger {
  /** As OTP's default: `notice`. */
  level: LevelLimit = 'notice';
  readonly #moduleLevels = new Map<string, LevelLimit>();
  readonly #filters = new Map<string, LogFilter>();
  readonly #handlers = new Map<string, LogHandler>();

  /** `logger:allow/2` */
  allow(level: Level, module: string): boolean {
    return isWithin(level, this.#moduleLevels.get(module) ?? this.level);
  }
  /** `logger:set_module_level/2`; null takes it away. */
  setModuleLevel(module: string, level: LevelLimit | null): void {
    if (level === null) this.#moduleLevels.delete(module);
    else this.#moduleLevels.set(module, level);
  }
  /** `logger:add_handler/3`; false when the id is taken. */
  addHandler(id: string, handler: LogHandler): boolean {
    if (this.#handlers.has(id)) return false;
    this.#handlers.set(id, handler);
    return true;
  }
  /** `logger:remove_handler/1`; false when there is none. */
  removeHandler(id: string): boolean {
    return this.#handlers.delete(id);
  }
  /** `logger:get_handler_ids/0` */
  get handlerIds(): readonly string[] {
    return [...this.#handlers.keys()];
  }
  /** `logger:add_primary_filter/2`; false when the id is taken. */
  addFilter(id: string, filter: LogFilter): boolean {
    if (this.#filters.has(id)) return false;
    this.#filters.set(id, filter);
    return true;
  }
  removeFilter(id: string): boolean {
    return this.#filters.delete(id);
  }

  /** Hands an event that its level allows to the kernel's listeners as `kind`, and to the handlers. */
  log(self: Self, kind: string, event: LogEvent): void {
    const passed = this.#filtered(event, [...this.#filters], 'log', (id) => void this.#filters.delete(id));
    if (passed === null) return;
    const { msg } = passed;
    self.emit({ is: 'report', kind, pid: self.pid, report: 'report' in msg ? msg.report : msg.string });
    for (const [id, handler] of [...this.#handlers]) {
      if (!isWithin(passed.level, handler.level ?? 'all')) continue;
      try {
        const its = this.#filtered(passed, handler.filters ?? [], handler.filterDefault ?? 'log', () => undefined);
        if (its !== null) handler.log(self, its);
      } catch {
        // OTP removes a handler that fails, so that it does not fail with every event.
        this.#handlers.delete(id);
      }
    }
  }

  #filtered(
    event: LogEvent,
    filters: readonly (readonly [string, LogFilter])[],
    otherwise: 'log' | 'stop',
    failed: (id: string) => void,
  ): LogEvent | null {
    let passed = event;
    let decided = false;
    for (const [id, filter] of filters) {
      let answer: ReturnType<LogFilter>;
      try {
        answer = filter(passed);
      } catch {
        failed(id);
        continue;
      }
      if (answer === 'stop') return null;
      if (answer === 'ignore') continue;
      passed = answer;
      decided = true;
    }
    return decided || otherwise === 'log' ? passed : null;
  }
}

function isWithin(level: Level, limit: LevelLimit): boolean {
  if (limit === 'all') return true;
  return limit !== 'none' && levels.indexOf(level) <= levels.indexOf(limit);
}

export type ReportOptions = {
  readonly level: Level;
  /** What listeners of the kernel know it as. */
  readonly kind: string;
  /** The module that logs. */
  readonly module: string;
  readonly domain?: readonly string[];
  readonly report: Value;
};

/** `?LOG(Level, Report, Metadata)` of OTP's own modules. */
export function logReport(self: Self, { level, kind, module, domain = ['otp'], report }: ReportOptions): void {
  const logger = loggerOf(self);
  if (!logger.allow(level, module)) return;
  logger.log(self, kind, {
    level,
    msg: { report },
    meta: { ...metaOf(self), domain: domain.map(a), module: a(module) },
  });
}

/** `logger:log/2` with a text. */
export function logText(self: Self, level: Level, text: string, module = 'logger'): void {
  const logger = loggerOf(self);
  if (!logger.allow(level, module)) return;
  logger.log(self, 'log', { level, msg: { string: text }, meta: metaOf(self) });
}

function metaOf(self: Self): { readonly [key: string]: Value } {
  return { pid: self.pid, gl: self.groupLeader, time: Math.round(self.nowMs * 1000) };
}

/** `logger_filters:domain/2` */
export function domainFilter(
  action: 'log' | 'stop',
  compare: 'sub' | 'super' | 'equal' | 'not_equal' | 'undefined',
  domain: readonly string[],
): LogFilter {
  return (event) => {
    const held = event.meta['domain'];
    const own = Array.isArray(held) ? held.map((part: unknown) => (part instanceof Atom ? part.name : '')) : null;
    const starts = (long: readonly string[], short: readonly string[]): boolean =>
      short.every((part, at) => long[at] === part);
    const matches = {
      sub: own !== null && starts(own, domain),
      super: own !== null && starts(domain, own),
      equal: own !== null && own.length === domain.length && starts(own, domain),
      not_equal: own === null || own.length !== domain.length || !starts(own, domain),
      undefined: own === null,
    }[compare];
    if (!matches) return 'ignore';
    return action === 'log' ? event : 'stop';
  };
}

/** `logger_filters:level/2` */
export function levelFilter(
  action: 'log' | 'stop',
  compare: 'lt' | 'eq' | 'gt' | 'lteq' | 'gteq',
  level: Level,
): LogFilter {
  return (event) => {
    // More severe is greater, and stands earlier in the list.
    const difference = levels.indexOf(level) - levels.indexOf(event.level);
    const matches = {
      lt: difference < 0,
      eq: difference === 0,
      gt: difference > 0,
      lteq: difference <= 0,
      gteq: difference >= 0,
    }[compare];
    if (!matches) return 'ignore';
    return action === 'log' ? event : 'stop';
  };
}

/** The event as an Erlang term: `#{level, msg, meta}`, with `{report, Map}` or `{string, Text}`. */
export function eventValue({ level, msg, meta }: LogEvent): Value {
  const said = 'report' in msg ? tup(a('report'), msg.report) : tup(a('string'), msg.string);
  return { level: a(level), msg: said, meta };
}
