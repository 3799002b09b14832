/** A supervisor of many children, as an expression for a live Erlang node. */

/**
 * Starts `many_sup` with the children `{worker, 1}` to `{worker, Count}`: every fourth is said to be a supervisor, every fifth is registered
 * as `worker_N`. It needs `Self`, and leaves the node with a process that holds it.
 */
export function manySupervisor(count: number): string {
  return String.raw`
    {ok, Tokens, _} = erl_scan:string("-module(many_sup). -export([init/1, begin_worker/1]).
      begin_worker(N) -> {ok, spawn_link(fun() ->
        N rem 5 =:= 0 andalso register(list_to_atom(\"worker_\" ++ integer_to_list(N)), self()), receive stop -> ok end end)}.
      init(_) -> {ok, {#{}, [#{id => {worker, N}, start => {many_sup, begin_worker, [N]},
        type => case N rem 4 of 0 -> supervisor; _ -> worker end} || N <- lists:seq(1, ${String(count)})]}}."),
    Parsed = fun
      Parsed([], [], Forms) -> lists:reverse(Forms);
      Parsed([{dot, _} = Dot | Rest], Form, Forms) ->
        {ok, One} = erl_parse:parse_form(lists:reverse([Dot | Form])), Parsed(Rest, [], [One | Forms]);
      Parsed([Token | Rest], Form, Forms) -> Parsed(Rest, [Token | Form], Forms)
    end,
    {ok, many_sup, Code} = compile:forms(Parsed(Tokens, [], [])),
    {module, many_sup} = code:load_binary(many_sup, "many_sup.erl", Code),
    spawn(fun() ->
      {ok, _} = supervisor:start_link({local, many_sup}, many_sup, []), Self ! many_sup, receive stop -> ok end
    end),
    receive many_sup -> ok end`;
}
