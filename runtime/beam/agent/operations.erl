%% Operations that people keep as modules on their nodes (the callbacks of Arsenal.Operation, and of its predecessor that has rest_config
%% instead of a name). Found among the code that is loaded, described by their own callbacks, and run: what is called of theirs runs in a
%% process of its own, with a deadline, a bound on its heap, and a group leader that keeps what it prints.
-export([ops_find/3, ops_unloaded/2, ops_load/1, ops_execute/5]).

%% All of them whose code is loaded: {Digest, [Found], Left}, Found being {Module, Md5, Form, Said} or {Module, Md5, Form, {broken, Why}}
%% or, where the time was over before its turn, {Module, Md5, Form, later}; Left is how many more there are than are described. Where
%% what is there still has the digest Known, `same`, or {same, [Found]} with those whose names are among Again. EachMs is the time that
%% one has to describe itself, AllMs that of all.
ops_find(Known, Again, {EachMs, AllMs}) ->
    All = lists:sort([{M, ops_md5(M), Form} || M <- erlang:loaded(), erlang:function_exported(M, execute, 1),
        Form <- [ops_form(fun(F, A) -> erlang:function_exported(M, F, A) end, fun() -> M:module_info(attributes) end)],
        Form =/= none]),
    Found = lists:sublist(All, 500),
    Until = erlang:monotonic_time(millisecond) + AllMs,
    case erlang:md5(term_to_binary(All)) of
        Known ->
            case [ops_described(One, EachMs, Until) || {M, _, _} = One <- Found, lists:member(atom_to_binary(M), Again)] of
                [] -> same;
                Described -> {same, Described}
            end;
        Digest -> {Digest, [ops_described(One, EachMs, Until) || One <- Found], length(All) - length(Found)}
    end.

ops_md5(M) -> binary:encode_hex(M:module_info(md5)).

%% By what it exports, or by the behaviour it names: `operation` has a name of its own, `predecessor` has a route. One that names the
%% behaviour and lacks callbacks of it is `incomplete`: its author wants to know.
ops_form(Exports, Attributes) ->
    HasExecute = Exports(execute, 1),
    IsNamed = lists:all(fun(F) -> Exports(F, 0) end, [name, category, description, params_schema]),
    IsRouted = Exports(rest_config, 0),
    if
        HasExecute, IsNamed -> operation;
        HasExecute, IsRouted -> predecessor;
        HasExecute -> case ops_behaves(Attributes()) of true -> incomplete; false -> none end;
        true -> none
    end.

ops_behaves(Attributes) ->
    Named = lists:append([V || {K, V} <- Attributes, K =:= behaviour orelse K =:= behavior, is_list(V)]),
    lists:any(fun(B) -> is_atom(B) andalso ops_is_ours(atom_to_list(B)) end, Named).

ops_is_ours("arsenal_operation") -> true;
ops_is_ours("Elixir." ++ Name) -> lists:suffix("Arsenal.Operation", Name);
ops_is_ours(_) -> false.

ops_described({M, Md5, incomplete}, _, _) ->
    Missing = [F || F <- [name, category, description, params_schema], not erlang:function_exported(M, F, 0)],
    {M, Md5, incomplete, {broken, {missing, Missing}}};
ops_described({M, Md5, Form}, EachMs, Until) ->
    case min(EachMs, Until - erlang:monotonic_time(millisecond)) of
        LeftMs when LeftMs < 1 -> {M, Md5, Form, later};
        LeftMs -> {M, Md5, Form, ops_said(M, LeftMs)}
    end.

ops_said(M, LeftMs) ->
    Asked = [F || F <- [name, category, description, params_schema, metadata, rest_config],
        erlang:function_exported(M, F, 0)],
    case ops_bounded(fun() -> [{F, ops_small(M:F(), 65536)} || F <- Asked] end, {M, LeftMs, 2000000, 0}) of
        {{done, {ok, Answers}}, _} -> Answers;
        {{done, {raised, Class, Reason, _}}, _} -> {broken, {Class, task_brief(Reason)}};
        {Ended, _} -> {broken, Ended}
    end.

ops_small(Term, Bytes) ->
    case term_within(Term, Bytes) of too_large -> {'$elided', depth, 0}; {_, Within} -> Within end.

%% Modules of the applications that are loaded here which have the callbacks and are not loaded themselves: read from their files, at most
%% Most of them, those after the name After in the order of names. {Modules, Next, Left}: the name of the last that was read, and how many
%% are left after it.
ops_unloaded(After, Most) ->
    Waiting = [M || M <- ops_waiting(), atom_to_binary(M) > After],
    Looked = lists:sublist(Waiting, Most),
    Next = case Looked of [] -> After; _ -> atom_to_binary(lists:last(Looked)) end,
    {[M || M <- Looked, ops_on_disk(M)], Next, length(Waiting) - length(Looked)}.

ops_waiting() ->
    Modules = lists:usort(lists:append([Ms || {App, _, _} <- application:loaded_applications(), not ops_is_otps(App),
        {ok, Ms} <- [application:get_key(App, modules)]])),
    [M || M <- Modules, not erlang:module_loaded(M)].

%% Those of OTP 24 to 28 and of Elixir, by name: where they lie does not tell, for a release with its own ERTS has all in one folder.
ops_is_otps(App) ->
    lists:member(App, [asn1, common_test, compiler, crypto, debugger, dialyzer, diameter, edoc, eldap, erl_docgen, erl_interface, erts, et,
        eunit, ftp, inets, jinterface, kernel, megaco, mnesia, observer, odbc, os_mon, parsetools, public_key, reltool, runtime_tools, sasl,
        snmp, ssh, ssl, stdlib, syntax_tools, tftp, tools, wx, xmerl, elixir, logger, mix, eex, iex, ex_unit]).

ops_on_disk(M) ->
    case code:where_is_file(atom_to_list(M) ++ ".beam") of
        non_existing -> false;
        File -> case beam_lib:chunks(File, [exports, attributes]) of
            {ok, {_, Chunks}} ->
                Exports = proplists:get_value(exports, Chunks, []),
                Attributes = proplists:get_value(attributes, Chunks, []),
                ops_form(fun(F, A) -> lists:member({F, A}, Exports) end, fun() -> Attributes end) =/= none;
            _ -> false
        end
    end.

%% Loads those of such modules that are named.
ops_load(Names) ->
    Wanted = maps:from_list([{Name, true} || Name <- Names]),
    [{M, case code:ensure_loaded(M) of {module, _} -> loaded; {error, Why} -> Why end}
        || M <- ops_waiting(), is_map_key(atom_to_binary(M), Wanted), ops_on_disk(M)].

%% Runs the operation M if it is still the code with this Md5. Params: keys and text are binaries. {Answer, Printed}, Answer being
%% {ok, Result, Us}, {error, Reason}, {invalid, Reason}, {unauthorized, Reason}, {refused, Reason} (by before_execute/2),
%% {raised, Class, Reason, Stack}, timeout or {ended, Why};
%% or `gone`, or {changed, Md5}.
ops_execute(M, Md5, Params, Caller, {TimeoutMs, MostWords, MostBytes, MostText}) ->
    case erlang:module_loaded(M) andalso ops_md5(M) of
        false -> gone;
        Md5 ->
            Run = fun() -> ops_run(M, Params, Caller, MostBytes) end,
            case ops_bounded(Run, {M, TimeoutMs, MostWords, MostText}) of
                {{done, {ok, Answer}}, Printed} -> {Answer, Printed};
                {{done, Raised}, Printed} -> {Raised, Printed};
                Ended -> Ended
            end;
        Other -> {changed, Other}
    end.

ops_run(M, Params, Caller, MostBytes) ->
    IsNamed = erlang:function_exported(M, name, 0) andalso erlang:function_exported(M, params_schema, 0),
    % The predecessor's parameters are text under text; the others' have the types and the keys of their schema.
    Own = case IsNamed of true -> ops_params(M, ops_pairs(M:params_schema()), Params); false -> {ok, Params} end,
    Valid = case Own of
        {ok, Coerced} -> ops_optional(M, validate_params, [Coerced], {ok, Coerced});
        Invalid -> Invalid
    end,
    case Valid of
        {ok, Ready} ->
            %% What its own authorize/2 lacks must not let anybody in.
            Allowed0 = case erlang:function_exported(M, authorize, 2) of true -> M:authorize(Ready, Caller); false -> ok end,
            case Allowed0 of
                Allowed when Allowed =:= ok; Allowed =:= true; element(1, Allowed) =:= ok ->
                    case ops_before(M, Ready, Caller) of
                        {ok, Given} -> ops_do(M, {IsNamed, MostBytes}, Given, Caller);
                        Refused -> Refused
                    end;
                {error, Why} -> {unauthorized, task_brief(Why)};
                Other -> {unauthorized, task_brief(Other)}
            end;
        {error, Why} -> {invalid, ops_small(Why, 8192)};
        Other -> {invalid, task_brief(Other)}
    end.

%% Its hook: lets it be run, with other parameters if it likes, or refuses. One that breaks has not let it be run.
ops_before(M, Params, Caller) ->
    case erlang:function_exported(M, before_execute, 2) of
        false -> {ok, Params};
        true ->
            try M:before_execute(Params, Caller) of
                Lets when Lets =:= ok; Lets =:= true -> {ok, Params};
                {ok, Others} when is_map(Others) -> {ok, Others};
                {error, Why} -> {refused, task_brief(Why)};
                Other -> {refused, task_brief(Other)}
            catch Class:Reason -> {refused, task_brief({Class, Reason})}
            end
    end.

%% {then, Answer, LookOn}: what is to be answered, and those that only look on, which cannot take it back.
ops_do(M, Shape, Params, Caller) ->
    Since = erlang:monotonic_time(microsecond),
    Result = try {returned, M:execute(Params)} catch Class:Reason:Stack -> {raised, Class, Reason, Stack} end,
    Us = erlang:monotonic_time(microsecond) - Since,
    case Result of
        {returned, Value} ->
            Answer = try ops_answer(M, Shape, Value, Us) catch C:R:S -> {raised, C, task_brief(R), ops_stack(S)} end,
            {then, Answer, fun() ->
                ops_look_on(M, emit_telemetry, [Value, #{duration => Us}]),
                ops_look_on(M, after_execute, [Params, Value, Caller])
            end};
        {raised, C, R, S} ->
            {then, {raised, C, task_brief(R), ops_stack(S)}, fun() ->
                ops_look_on(M, after_execute, [Params, {error, {C, R}}, Caller])
            end}
    end.

ops_answer(_, _, {error, Reason}, _) -> {error, ops_small(Reason, 8192)};
ops_answer(M, {IsNamed, MostBytes}, {ok, Value}, Us) -> {ok, ops_small(ops_formatted(M, IsNamed, Value), MostBytes), Us};
% Neither, but an answer all the same.
ops_answer(M, {IsNamed, MostBytes}, Value, Us) -> {ok, ops_small(ops_formatted(M, IsNamed, Value), MostBytes), Us}.

%% What breaks in one that looks on stands in what the operation printed.
ops_look_on(M, F, Args) ->
    try ops_optional(M, F, Args, ok)
    catch Class:Reason ->
        io:put_chars(io_lib:format("~tp/~w: ~tp ~0tP~n", [F, length(Args), Class, Reason, 20]))
    end.

%% What the result is to look like outside. The original hands format_response the pair, some of its own modules and its predecessor
%% the value; one that knows neither is left aside.
ops_formatted(M, IsNamed, Value) ->
    Ways = case IsNamed of true -> [{ok, Value}, Value]; false -> [Value, {ok, Value}] end,
    ops_format(M, Ways, Value).

ops_format(_, [], Value) -> Value;
ops_format(M, [Given | Others], Value) ->
    try ops_optional(M, format_response, [Given], Value)
    catch error:function_clause -> ops_format(M, Others, Value);
        error:{badmatch, _} -> ops_format(M, Others, Value)
    end.

%% A callback that need not be there. One that `use Arsenal.Operation` wrote may call modules of the original's that are not there: then
%% it counts as not there either.
ops_optional(M, F, Args, Otherwise) ->
    case erlang:function_exported(M, F, length(Args)) of
        false -> Otherwise;
        true ->
            try apply(M, F, Args)
            catch error:undef:Stack ->
                case Stack of
                    [{Module, _, _, _} | _] when Module =/= M -> case ops_is_originals(atom_to_list(Module)) of
                        true -> Otherwise;
                        false -> erlang:raise(error, undef, Stack)
                    end;
                    _ -> erlang:raise(error, undef, Stack)
                end
            end
    end.

ops_is_originals(Name) -> Name =:= "telemetry" orelse lists:prefix("Elixir.Arsenal.", Name).

%% Keyword lists and maps alike.
ops_pairs(Schema) when is_map(Schema) -> maps:to_list(Schema);
ops_pairs(Schema) when is_list(Schema) -> [Pair || {_, _} = Pair <- Schema];
ops_pairs(_) -> [].

%% The parameters under the keys of the schema and of its types, with its defaults. No atom is made.
ops_params(M, Schema, Given) ->
    Known = [ops_text(Key) || {Key, _} <- Schema],
    Left = maps:to_list(maps:without(Known, Given)),
    Taken = [ops_param(M, Key, ops_pairs(Rules), maps:find(ops_text(Key), Given)) || {Key, Rules} <- Schema],
    case [{ops_text(Key), Why} || {bad, Key, Why} <- Taken] ++ [{Key, <<"is not a parameter">>} || {Key, _} <- Left] of
        [] -> {ok, maps:from_list([{Key, Value} || {good, Key, Value} <- Taken])};
        Bad -> {error, maps:from_list(Bad)}
    end.

ops_text(Key) when is_atom(Key) -> atom_to_binary(Key);
ops_text(Key) when is_binary(Key) -> Key;
ops_text(Key) -> unicode:characters_to_binary(io_lib:format("~tp", [Key])).

ops_param(_, Key, Rules, error) ->
    case {lists:keyfind(default, 1, Rules), lists:keyfind(required, 1, Rules)} of
        {{_, Default}, _} -> {good, Key, Default};
        {_, {_, true}} -> {bad, Key, <<"is required">>};
        _ -> none
    end;
ops_param(M, Key, Rules, {ok, nil}) ->
    case lists:keyfind(required, 1, Rules) of
        {_, true} -> {bad, Key, <<"is required">>};
        _ -> {good, Key, case atom_to_list(M) of "Elixir." ++ _ -> nil; _ -> undefined end}
    end;
ops_param(_, Key, Rules, {ok, Value}) ->
    case ops_typed(proplists:get_value(type, Rules, any), Value) of
        {ok, Typed} -> case ops_matches(proplists:get_value(format, Rules), Typed) of
            true -> ops_custom(Key, proplists:get_value(custom, Rules), Typed);
            false -> {bad, Key, <<"has not the format it must have">>}
        end;
        {bad, Why} -> {bad, Key, Why}
    end.

%% A function of the schema's own: ok or {error, Why}.
ops_custom(Key, Fun, Value) when is_function(Fun, 1) ->
    case Fun(Value) of
        Good when Good =:= ok; Good =:= true -> {good, Key, Value};
        {ok, Other} -> {good, Key, Other};
        {error, Why} -> {bad, Key, Why};
        _ -> {bad, Key, <<"is refused">>}
    end;
ops_custom(Key, _, Value) -> {good, Key, Value}.

ops_typed(atom, Value) when is_binary(Value) ->
    case ops_atom([Value, <<"Elixir.", Value/binary>>]) of
        {ok, Atom} -> {ok, Atom};
        none -> {bad, <<"is no atom that the node knows">>}
    end;
ops_typed(float, Value) when is_integer(Value) -> {ok, float(Value)};
ops_typed(pid, Value) when is_binary(Value) -> ops_pid(Value);
ops_typed(_, Value) -> {ok, Value}.

ops_atom([]) -> none;
ops_atom([Text | Others]) -> try {ok, binary_to_existing_atom(Text)} catch _:_ -> ops_atom(Others) end.

%% In the forms of Erlang, Elixir and Arsenal (node~0.1.2~creation, of this node), or the name it is registered under.
ops_pid(Value) ->
    Node = atom_to_binary(node()),
    Size = byte_size(Node),
    Local = case Value of
        <<"#PID", Rest/binary>> -> Rest;
        <<Node:Size/binary, "~", Rest/binary>> ->
            [Numbers | Creation] = binary:split(Rest, <<"~">>),
            Life = integer_to_binary(erlang:system_info(creation), 16),
            case Creation of
                [C] -> case string:uppercase(C) of Life -> <<"<", Numbers/binary, ">">>; _ -> <<>> end;
                _ -> <<>>
            end;
        <<C, _/binary>> when C >= $0, C =< $9 -> <<"<", Value/binary, ">">>;
        _ -> Value
    end,
    try {ok, list_to_pid(binary_to_list(Local))}
    catch _:_ ->
        case [Pid || {ok, Name} <- [ops_atom([Value, <<"Elixir.", Value/binary>>])], Pid <- [whereis(Name)], is_pid(Pid)] of
            [Pid] -> {ok, Pid};
            [] -> {bad, <<"is no process of this node">>}
        end
    end.

%% A regular expression of Elixir's (its options are letters, or as re has them), one that is compiled, or the text of one.
ops_matches(_, Value) when not is_binary(Value) -> true;
ops_matches(#{'__struct__' := 'Elixir.Regex', source := Source} = Regex, Value) when is_binary(Source) ->
    Options = case maps:get(opts, Regex, []) of
        Letters when is_binary(Letters) -> lists:append([ops_modifier(C) || <<C>> <= Letters]);
        Known when is_list(Known) -> lists:delete(export, Known);
        _ -> []
    end,
    re:run(Value, Source, [{capture, none} | Options]) =:= match;
ops_matches(Format, Value) when is_tuple(Format), element(1, Format) =:= re_pattern ->
    re:run(Value, Format, [{capture, none}]) =:= match;
ops_matches(Format, Value) when is_binary(Format); is_list(Format) ->
    re:run(Value, Format, [unicode, {capture, none}]) =:= match;
ops_matches(_, _) -> true.

%% As Elixir's Regex has them.
ops_modifier($u) -> [unicode, ucp];
ops_modifier($i) -> [caseless];
ops_modifier($x) -> [extended];
ops_modifier($f) -> [firstline];
ops_modifier($s) -> [dotall, {newline, anycrlf}];
ops_modifier($m) -> [multiline];
ops_modifier(C) when C =:= $U; C =:= $r -> [ungreedy];
ops_modifier(_) -> [].

%% Runs Fun in a process that is ended after its time, when its heap has grown too large, and when nobody waits for it any more.
%% {{done, {ok, Value} | {raised, Class, Reason, Stack}} | timeout | {ended, Why}, Printed}.
ops_bounded(Fun, Limits) ->
    Caller = self(),
    Tag = make_ref(),
    {_, Ref} = spawn_monitor(fun() -> ops_keep(Caller, Tag, Fun, Limits) end),
    receive
        {Tag, Answer} -> erlang:demonitor(Ref, [flush]), Answer;
        {'DOWN', Ref, _, _, Why} -> {{ended, task_brief(Why)}, <<>>}
    end.

ops_keep(Caller, Tag, Fun, {M, TimeoutMs, MostWords, MostText}) ->
    put(arsenal_funs, #{}),
    Keeper = self(),
    % The worker is linked, so that it ends also when this process is killed.
    process_flag(trap_exit, true),
    process_flag(max_heap_size, #{size => 4194304, kill => true, error_logger => false}),
    CallerRef = erlang:monitor(process, Caller),
    Worker = fun() ->
        put(arsenal_funs, #{}),
        put('$initial_call', {M, execute, 1}),
        put('$ancestors', [Caller]),
        group_leader(Keeper, self()),
        case try {ok, Fun()} catch Class:Reason:Stack -> {raised, Class, task_brief(Reason), ops_stack(Stack)} end of
            {ok, {then, Answer, LookOn}} ->
                Keeper ! {Tag, self(), answered, {ok, Answer}},
                LookOn(),
                Keeper ! {Tag, self(), looked_on};
            Done -> Keeper ! {Tag, self(), Done}
        end
    end,
    {Pid, Ref} = spawn_opt(Worker, [link, monitor, {max_heap_size, #{size => MostWords, kill => true, error_logger => false}}]),
    erlang:send_after(TimeoutMs, self(), {Tag, late}),
    Caller ! {Tag, ops_wait(Tag, {CallerRef, Pid, Ref}, none, MostText, [])}.

%% Answered: what there is to answer already, while those that look on are at it. They have a second at most; whatever becomes of them,
%% it is the answer.
ops_wait(Tag, {CallerRef, Pid, Ref} = Who, Answered, Room, Printed) ->
    receive
        {Tag, Pid, answered, Done} ->
            erlang:send_after(1000, self(), {Tag, late}),
            ops_wait(Tag, Who, {done, Done}, Room, Printed);
        {Tag, Pid, looked_on} -> ops_told(Answered, Pid, Ref, Printed);
        {Tag, Pid, Done} -> ops_told({done, Done}, Pid, Ref, Printed);
        {Tag, late} when Answered =:= none -> ops_told(timeout, Pid, Ref, Printed);
        {Tag, late} -> ops_told(Answered, Pid, Ref, [Printed, "Its hooks were ended: they did not end in time.\n"]);
        {'DOWN', Ref, _, _, Why} when Answered =:= none -> ops_printed({ended, task_brief(Why)}, Printed);
        {'DOWN', Ref, _, _, _} -> ops_printed(Answered, [Printed, "Its hooks were ended, and the process with them.\n"]);
        {'DOWN', CallerRef, _, _, _} -> exit(Pid, kill), exit(normal);
        {io_request, From, ReplyAs, Request} when is_pid(From) ->
            {Reply, Text} = ops_io(Request, Room),
            From ! {io_reply, ReplyAs, Reply},
            ops_wait(Tag, Who, Answered, Room - string:length(Text), [Printed, Text]);
        _ -> ops_wait(Tag, Who, Answered, Room, Printed)
    end.

ops_told(How, Pid, Ref, Printed) ->
    exit(Pid, kill),
    receive {'DOWN', Ref, _, _, _} -> ok after 1000 -> ok end,
    ops_printed(How, Printed).

ops_printed(How, Printed) -> {How, unicode:characters_to_binary(Printed)}.

ops_stack(Stack) -> [{M, F, A, Where} || {M, F, Args, Where} <- lists:sublist(Stack, 8),
    A <- [case Args of _ when is_list(Args) -> length(Args); _ -> Args end]].

%% {Reply, Text}: only output, as the I/O protocol has it (stdlib, "The Erlang I/O Protocol"); what is too much is dropped.
ops_io({requests, Requests}, Room) when is_list(Requests) ->
    lists:foldl(fun(Request, {_, Text}) -> {Reply, More} = ops_io(Request, Room), {Reply, [Text, More]} end, {ok, []}, Requests);
ops_io(getopts, _) -> {[], []};
ops_io({put_chars, unicode, Chars}, Room) -> ops_chars(Chars, Room);
ops_io({put_chars, latin1, Chars}, Room) -> ops_chars(Chars, Room);
ops_io({put_chars, Chars}, Room) -> ops_chars(Chars, Room);
ops_io({put_chars, _, io_lib, F, Args}, Room) -> ops_formatted_text(F, Args, Room);
ops_io({put_chars, io_lib, F, Args}, Room) -> ops_formatted_text(F, Args, Room);
ops_io(Request, _) when element(1, Request) =:= put_chars -> {{error, put_chars}, []};
ops_io(Request, _) when element(1, Request) =:= setopts; element(1, Request) =:= get_geometry -> {{error, enotsup}, []};
ops_io(_, _) -> {eof, []}.

ops_formatted_text(format, [Format, Args], Room) ->
    try {ok, string:slice(io_lib:format(Format, Args, [{chars_limit, max(1, Room)}]), 0, max(0, Room))}
    catch _:_ -> {{error, format}, []}
    end;
ops_formatted_text(F, Args, Room) ->
    try ops_chars(apply(io_lib, F, Args), Room) catch _:_ -> {{error, format}, []} end.

ops_chars(Chars, Room) ->
    case unicode:characters_to_binary(Chars) of
        Text when is_binary(Text) -> {ok, string:slice(Text, 0, max(0, Room))};
        _ when is_binary(Chars) -> {ok, string:slice(unicode:characters_to_binary(Chars, latin1), 0, max(0, Room))};
        _ -> {{error, put_chars}, []}
    end.
