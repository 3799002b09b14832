/** A supervisor of many children, as an expression for a live Erlang node. */
import { loading } from './erlangModule.ts';

/** Every fourth child is said to be a supervisor, every fifth is registered as `worker_N`. */
const source = `-module(many_sup).
  -export([init/1, begin_worker/1]).
  begin_worker(N) -> {ok, spawn_link(fun() ->
    N rem 5 =:= 0 andalso register(list_to_atom("worker_" ++ integer_to_list(N)), self()), receive stop -> ok end end)}.
  init(Count) -> {ok, {#{}, [#{id => {worker, N}, start => {many_sup, begin_worker, [N]},
    type => case N rem 4 of 0 -> supervisor; _ -> worker end} || N <- lists:seq(1, Count)]}}.`;

/** Starts `many_sup` with the children `{worker, 1}` to `{worker, Count}`. It needs `Self`, and leaves the node with a process that holds it. */
export function manySupervisor(count: number): string {
  return `
    ${loading(source)},
    spawn(fun() ->
      {ok, _} = supervisor:start_link({local, many_sup}, many_sup, ${String(count)}), Self ! many_sup, receive stop -> ok end
    end),
    receive many_sup -> ok end`;
}
