/**
 * What runs inside each node of a local cluster beside the user's code: one small module, `arsenal_local`, started before anything of
 * the project. It holds a connection to the cluster's owner, and ends the node when that closes, however the owner ended.
 *
 * OTP 24 to 28; kernel, stdlib and erts only.
 */

export const nodeModule = 'arsenal_local';

/** The Erlang text of {@link nodeModule}; its facts are read with `file:consult/1` from the file that `ARSENAL_LOCAL_NODE` names. */
export const nodeModuleText = String.raw`
-module(arsenal_local).
-export([start/0, configure/0, ready/0]).

%% Called by init before the project's own start.
start() ->
    {ok, Facts} = file:consult(os:getenv("ARSENAL_LOCAL_NODE")),
    %% What the project starts itself must not become a node of this name.
    [restore(Variable) || Variable <- proplists:get_value(environment, Facts, [])],
    Starter = self(),
    {Pid, Monitor} = spawn_monitor(fun() -> lifeline(Starter, Facts) end),
    receive
        {Pid, connected} -> erlang:demonitor(Monitor, [flush]);
        {'DOWN', Monitor, process, Pid, Reason} -> leave({no_owner, Reason})
    end,
    case proplists:get_value(launcher, Facts) of
        erl -> spawn(fun() -> start_applications(proplists:get_value(applications, Facts, [])) end);
        rebar3 -> spawn(fun() -> await_rebar3() end);
        mix -> ok
    end,
    ok.

restore({Name, unset}) -> os:unsetenv(Name);
restore({Name, Value}) -> os:putenv(Name, Value).

lifeline(Starter, Facts) ->
    register(arsenal_local, self()),
    process_flag(priority, high),
    {Port, Token} = proplists:get_value(lifeline, Facts),
    {ok, Socket} = gen_tcp:connect({127, 0, 0, 1}, Port, [binary, {packet, line}, {active, true}, {nodelay, true}], 10000),
    put(topology, proplists:get_value(nodes, Facts, [])),
    say(Socket, ["hello ", atom_to_list(node()), " ", Token, " ", os:getpid()]),
    Starter ! {self(), connected},
    obey(Socket).

obey(Socket) ->
    receive
        {tcp, Socket, Line} ->
            command(Socket, string:lexemes(string:trim(binary_to_list(Line)), " ")),
            obey(Socket);
        {arsenal_local, ready} ->
            say(Socket, "ready"),
            obey(Socket);
        {arsenal_local, topology, From} ->
            From ! {arsenal_local, topology, get(topology)},
            obey(Socket);
        {tcp_closed, Socket} -> halt(0, [{flush, false}]);
        {tcp_error, Socket, _} -> halt(0, [{flush, false}]);
        _ -> obey(Socket)
    end.

%% The names come from the owner, which made them: few, and always the same.
command(_, ["connect" | Names]) ->
    [spawn(fun() -> net_kernel:connect_node(Node) end) || Node <- others(Names)],
    ok;
command(_, ["horde" | Names]) ->
    Nodes = [list_to_atom(Name) || Name <- Names],
    spawn(fun() -> join_hordes(Nodes) end),
    ok;
command(Socket, ["sees", Id]) ->
    Seen = lists:join(" ", [atom_to_list(Node) || Node <- nodes()]),
    say(Socket, ["sees ", Id, " ", Seen]);
command(_, ["stop"]) ->
    init:stop(),
    ok;
command(_, _) -> ok.

others(Names) -> [Node || Node <- [list_to_atom(Name) || Name <- Names], Node =/= node()].

say(Socket, Text) -> gen_tcp:send(Socket, [Text, "\n"]).

%% The project's applications run.
ready() ->
    arsenal_local ! {arsenal_local, ready},
    ok.

start_applications(Applications) ->
    lists:foreach(
        fun(Application) ->
            case application:ensure_all_started(Application) of
                {ok, _} -> ok;
                {error, Reason} -> leave({Application, Reason})
            end
        end,
        Applications
    ),
    ready().

%% rebar3 shell registers this name once it has started the project's applications.
await_rebar3() ->
    case whereis(rebar_agent) of
        undefined ->
            timer:sleep(25),
            await_rebar3();
        _ ->
            ready()
    end.

leave(Why) ->
    io:format(standard_error, "Arsenal: the node was not started: ~tp~n", [Why]),
    halt(1).

%% After the project's configuration was read, before its applications start: libcluster finds our nodes where it has an environment.
configure() ->
    arsenal_local ! {arsenal_local, topology, self()},
    Nodes = receive {arsenal_local, topology, Said} -> Said end,
    case code:which('Elixir.Cluster.Supervisor') of
        non_existing ->
            ok;
        _ ->
            _ = application:load(libcluster),
            Config = [{hosts, Nodes}, {timeout, 5000}],
            Topology = [{strategy, 'Elixir.Cluster.Strategy.Epmd'}, {config, Config}],
            application:set_env(libcluster, topologies, [{arsenal_local, Topology}], [{persistent, true}])
    end.

%% Hordes that follow no node list of their own (members other than auto, which has a NodeListener) get a member on each node.
join_hordes(Nodes) ->
    lists:foreach(
        fun(Name) ->
            case has_listener(Name) of
                false -> join_horde(Name, [{Name, Node} || Node <- Nodes]);
                true -> ok
            end
        end,
        [Name || Name <- registered(), is_horde(whereis(Name))]
    ).

%% Elixir's Module.concat(Name, NodeListener).
has_listener(Name) ->
    Text = case atom_to_list(Name) of
        "Elixir." ++ _ = Module -> Module;
        Plain -> "Elixir." ++ Plain
    end,
    try whereis(list_to_existing_atom(Text ++ ".NodeListener")) =/= undefined
    catch error:badarg -> false
    end.

join_horde(Name, Members) ->
    try
        Now = gen_server:call(Name, members),
        %% Members elsewhere or under other names are somebody's own plan.
        case [Member || Member <- Now, not lists:member(Member, Members)] of
            [] -> gen_server:call(Name, {set_members, Members});
            _ -> ok
        end
    catch
        _:_ -> ok
    end.

is_horde(Pid) when is_pid(Pid) ->
    case process_info(Pid, dictionary) of
        {dictionary, Dictionary} ->
            case proplists:get_value('$initial_call', Dictionary) of
                {'Elixir.Horde.DynamicSupervisorImpl', init, 1} -> true;
                {'Elixir.Horde.RegistryImpl', init, 1} -> true;
                _ -> false
            end;
        undefined ->
            false
    end;
is_horde(_) ->
    false.
`;

/** Run by `mix run --no-start`: the project's configuration is read by then, and its applications start here. */
export const mixScriptText = String.raw`
:arsenal_local.configure()
Mix.Task.reenable("app.start")
Mix.Task.run("app.start", ["--no-compile", "--no-deps-check"])
:arsenal_local.ready()
`;

/** An Erlang string literal. */
export function erlangString(text: string): string {
  return `"${text.replaceAll(/["\\]/g, (character) => `\\${character}`).replaceAll('\n', '\\n')}"`;
}

/** An Erlang atom literal. */
export function erlangAtom(text: string): string {
  return `'${text.replaceAll(/['\\]/g, (character) => `\\${character}`)}'`;
}
