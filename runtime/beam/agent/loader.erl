%% Bringing the agent's code onto a node and taking it away again. None of it runs from the code that is brought: it is interpreted.
-export([loader_load/2, loader_compile/3]).

%% Runs Do while no other process on this node does anything under this lock; a registered name is one, and is free again when its
%% holder ends, however it does.
loader_locked(Do) ->
    case try register(arsenal_agent_lock, self()) catch error:badarg -> false end of
        true -> try Do() after unregister(arsenal_agent_lock) end;
        false ->
            Ref = erlang:monitor(process, arsenal_agent_lock),
            receive {'DOWN', Ref, _, _, _} -> ok
            after 20 -> erlang:demonitor(Ref, [flush])
            end,
            loader_locked(Do)
    end.

%% Loads object code, once: loading a module again makes the code that runs old, and a third time ends whoever runs it.
loader_load(Module, Beam) ->
    loader_locked(fun() ->
        case erlang:module_loaded(Module) of
            true -> loaded;
            false ->
                case erlang:check_old_code(Module) andalso not code:soft_purge(Module) of
                    true -> {error, old_code_in_use};
                    false ->
                        case code:load_binary(Module, "arsenal_agent", Beam) of
                            {module, _} -> loaded;
                            {error, Why} -> {error, Why}
                        end
                end
        end
    end).

%% Compiles the functions' texts here, where the compiler is, and loads them.
loader_compile(Module, Exports, Texts) ->
    case code:ensure_loaded(compile) of
        {module, compile} ->
            Functions = [begin {ok, Tokens, _} = erl_scan:string(Text), {ok, F} = erl_parse:parse_form(Tokens), F end || Text <- Texts],
            Forms = [{attribute, 1, module, Module}, {attribute, 1, export, Exports} | Functions],
            case compile:forms(Forms, [binary, return_errors, deterministic, no_debug_info]) of
                {ok, Module, Beam} -> loader_load(Module, Beam);
                {error, Errors, _} -> {error, {does_not_compile, Errors}}
            end;
        {error, _} -> {error, no_compiler}
    end.

%% What takes the code away when nobody runs it any more; a text, because it runs after that code is gone. Never a purge: that would
%% end whoever still runs it.
loader_unload(Module, Waiting) ->
    Text = "
        Locked = fun Again(Do) ->
            case try register(arsenal_agent_lock, self()) catch error:badarg -> false end of
                true -> try Do() after unregister(arsenal_agent_lock) end;
                false -> receive after 20 -> ok end, Again(Do)
            end
        end,
        [receive {'DOWN', R, _, _, _} -> ok after 10000 -> ok end || R <- [erlang:monitor(process, P) || P <- Waiting]],
        IsGone = Locked(fun() -> whereis(Module) =:= undefined andalso erlang:module_loaded(Module) andalso code:delete(Module) end),
        Purge = fun
            Again(0) -> false;
            Again(N) ->
                Locked(fun() -> not erlang:check_old_code(Module) orelse code:soft_purge(Module) end) orelse
                    begin receive after 100 -> ok end, Again(N - 1) end
        end,
        IsGone andalso Purge(300).",
    {ok, Tokens, _} = erl_scan:string(Text),
    {ok, Expressions} = erl_parse:parse_exprs(Tokens),
    spawn(erl_eval, exprs, [Expressions, [{'Module', Module}, {'Waiting', Waiting}]]).
