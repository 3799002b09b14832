%% Giving a name from one process to another. Each answers {moved, GapMs}, `not_held` when it was not From's, or why it is not done;
%% then the name is From's as before, unless it says otherwise.
-export([names_move_local/3, names_take_local/2, names_leave_local/2, names_move_global/3, names_move_horde/5]).

names_move_local(Name, From, To) ->
    case whereis(Name) of
        From ->
            unregister(Name),
            case names_register(Name, To) of
                true -> {moved, 0};
                false -> case names_register(Name, From) of true -> refused; false -> lost end
            end;
        _ -> not_held
    end.

%% The two halves of a move between nodes: first the name is taken where it is free, then left where it was.
names_take_local(Name, To) ->
    case whereis(Name) of
        To -> true;
        undefined -> case names_register(Name, To) of true -> true; false -> refused end;
        _ -> taken
    end.

names_leave_local(Name, From) ->
    case whereis(Name) of
        From -> try unregister(Name) catch error:badarg -> not_held end;
        _ -> not_held
    end.

%% A process can have one name only, and has none once it has ended.
names_register(Name, Pid) -> try register(Name, Pid) catch error:badarg -> false end.

%% Looked at, then changed under the lock that global takes on all nodes for it. How a conflict over the name is to be solved is kept
%% where its table still says so.
names_move_global(Name, From, To) ->
    case global:whereis_name(Name) of
        From ->
            Resolve = case ets:lookup(global_names, Name) of
                [Row] when tuple_size(Row) >= 3 -> element(3, Row);
                _ -> none
            end,
            yes = case is_function(Resolve, 3) orelse (is_tuple(Resolve) andalso tuple_size(Resolve) =:= 2) of
                true -> global:re_register_name(Name, To, Resolve);
                false -> global:re_register_name(Name, To)
            end,
            {moved, 0};
        _ -> not_held
    end.

%% A registry of Horde ends a holder (exit reason name_conflict) on every member that sees the key change hands, so the key is given
%% back first, and taken anew when no member that can be asked has it any more. The value stays the same and goes from here, the
%% node of To. Members without a connection to here are not waited for.
names_move_horde(Registry, Key, From, To, Timeout) ->
    case horde_process(registry, Registry) of
        none -> none;
        _ ->
            Table = horde_table("keys_", Registry),
            case ets:lookup(Table, Key) of
                [{_, _, {From, Value}}] ->
                    Start = erlang:monotonic_time(millisecond),
                    ok = 'Elixir.Horde.Registry':unregister_name({Registry, Key}),
                    Others = [Node || {{_, Node}, _} <- ets:tab2list(horde_table("members_", Registry)), Node =/= node()],
                    case names_dropped([node() | Others], Table, Key, Start + Timeout) of
                        true ->
                            yes = 'Elixir.Horde.Registry':register_name({Registry, Key, Value}, To),
                            {moved, erlang:monotonic_time(millisecond) - Start};
                        false ->
                            names_give_back(node(From), {Registry, Key, Value}, From)
                    end;
                _ -> not_held
            end
    end.

names_dropped([], _, _, _) -> true;
names_dropped([Node | Nodes], Table, Key, Until) ->
    Left = Until - erlang:monotonic_time(millisecond),
    Held = case Node =:= node() of
        true -> {answer, ets:lookup(Table, Key)};
        false -> relay(Node, ets, lookup, [Table, Key], max(1, Left))
    end,
    case Held of
        {answer, [_ | _]} when Left > 0 -> timer:sleep(20), names_dropped([Node | Nodes], Table, Key, Until);
        {answer, [_ | _]} -> false;
        _ when Left =< 0 -> false;
        _ -> names_dropped(Nodes, Table, Key, Until)
    end.

names_give_back(Node, Name, From) when Node =:= node() ->
    yes = 'Elixir.Horde.Registry':register_name(Name, From),
    refused;
names_give_back(Node, Name, From) ->
    case relay(Node, 'Elixir.Horde.Registry', register_name, [Name, From], 5000) of
        {answer, yes} -> refused;
        _ -> lost
    end.
