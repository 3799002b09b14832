/**
 * What a call passes: a list of middlewares in a fixed order, each with a name, the step it belongs to, and words for people. A middleware
 * may let the call go on, answer it itself, or wrap what comes after it.
 */
import type { Result } from '../../runtime/model.ts';
import type { OperationAnswer } from '../protocol/operation.ts';
import type { PipelineStep } from './calls.ts';
import { bug, wordsOf } from './errors.ts';
import type { Flight } from './flight.ts';
import { stepBit } from './flight.ts';
import type { AnyOperation } from './operation.ts';

export type Answer = Result<OperationAnswer>;
/** The rest of the way. */
export type Next = (flight: Flight) => Promise<Answer>;

export type Middleware = {
  /** snake_case. */
  readonly name: string;
  readonly step: PipelineStep;
  /** What it does, for people. */
  readonly says: string;
  /** Whether calls of that operation have anything of it; all have, when absent. */
  readonly appliesTo?: (operation: AnyOperation) => boolean;
  /** Answers the call: with what `next` answers, changed or not, or by itself. */
  run(flight: Flight, next: Next): Promise<Answer>;
};
/** The steps that others can put a middleware into: it comes after those that are there, and before anything is done. */
export const openSteps = ['receive', 'authenticate', 'validate', 'authorize', 'prepare'] as const;
export type PluggedMiddleware = Middleware & { readonly step: (typeof openSteps)[number] };

/** What is said of a middleware. */
export type MiddlewareFacts = Pick<Middleware, 'name' | 'step' | 'says'>;

/** A middleware that lets a call go on, or refuses it, or answers it: `pass` answers null when it goes on. */
export function gate(
  facts: Omit<Middleware, 'run'>,
  pass: (flight: Flight) => Answer | null | Promise<Answer | null>,
): Middleware {
  return {
    ...facts,
    run: (flight, next) => {
      const answer = pass(flight);
      if (answer === null) return next(flight);
      return answer instanceof Promise ? onceKnown(answer, flight, next) : Promise.resolve(answer);
    },
  };
}

async function onceKnown(passing: Promise<Answer | null>, flight: Flight, next: Next): Promise<Answer> {
  const answer = await passing;
  return answer ?? next(flight);
}

/** The way through `middlewares`, in their order, to `last`. */
export function compose(middlewares: readonly Middleware[], last: Next): Next {
  return middlewares.reduceRight<Next>((next, middleware) => {
    const bit = stepBit(middleware.step);
    return (flight) => {
      flight.enterBit(bit);
      return middleware.run(flight, next);
    };
  }, last);
}

/**
 * A middleware of others: what it throws refuses the call when it has not gone on yet, and is of no consequence afterwards, since then
 * the call is over.
 */
export function contained(plugged: PluggedMiddleware): Middleware {
  return {
    ...plugged,
    async run(flight, next) {
      const passed: Promise<Answer>[] = [];
      try {
        return await plugged.run(flight, (onward) => {
          const answer = passed[0] ?? next(onward);
          passed[0] = answer;
          return answer;
        });
      } catch (thrown) {
        const [answer] = passed;
        if (answer !== undefined) return answer;
        const said = `The middleware ${plugged.name} failed: ${wordsOf(thrown).slice(0, 500)}`;
        return bug('pipeline.middleware_threw', said, 'none', flight.call.operation);
      }
    },
  };
}
