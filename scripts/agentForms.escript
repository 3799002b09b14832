#!/usr/bin/env escript
%% Turns the parts of the agent into what the generated file holds. Called by scripts/agent.mjs:
%%   escript scripts/agentForms.escript MODULE OUT PART...
%% Writes, one line each: "function NAME ARITY exported|local BASE64(text) CALLED/ARITY,..." and "beam BASE64".
%% What a part may not use, because one text runs loaded and interpreted, is an error with its file and line.
-mode(compile).

main([Module | [Out | Parts]]) ->
    Forms = lists:append([read(Part) || Part <- Parts]),
    Exports = lists:usort(lists:append([E || {attribute, _, export, E} <- Forms])),
    Functions = [F || {function, _, _, _, _} = F <- Forms],
    lists:foreach(fun check/1, Functions),
    Defined = [{N, A} || {function, _, N, A, _} <- Functions],
    [fail("-export of ~p, which is not there", [E]) || E <- Exports -- Defined],
    [fail("~p is there twice", [D]) || D <- Defined -- lists:usort(Defined)],
    Lines = [line(F, Exports, Defined) || F <- Functions],
    Beam = compiled(list_to_atom(Module), Exports, Forms),
    ok = file:write_file(Out, [Lines, "beam ", base64:encode(Beam), "\n"]).

read(Part) ->
    {ok, Bytes} = file:read_file(Part),
    {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list(Bytes), 1),
    [{attribute, 1, file, {filename:basename(Part), 1}} | parse(Part, Tokens, [])].

parse(_, [], []) -> [];
parse(Part, [{dot, _} = Dot | Rest], Form) ->
    case erl_parse:parse_form(lists:reverse([Dot | Form])) of
        {ok, Parsed} -> [Parsed | parse(Part, Rest, [])];
        {error, {Line, Who, What}} -> fail("~s:~p: ~s", [Part, Line, Who:format_error(What)])
    end;
parse(Part, [{'?', Line} | _], _) -> fail("~s:~p: no macros: the target compiles without epp", [Part, Line]);
parse(Part, [Token | Rest], Form) -> parse(Part, Rest, [Token | Form]).

check({function, _, Name, Arity, _}) when Arity > 12 -> fail("~p/~p: more than 12 arguments", [Name, Arity]);
check({function, _, Name, Arity, Clauses}) ->
    walk(fun({'fun', Line, {function, F, A}}) -> fail("~p/~p, line ~p: write fun(..) -> ~p(..) end for fun ~p/~p", [Name, Arity, Line, F, F, A]);
            ({record, Line, _, _}) -> fail("~p/~p, line ~p: no records", [Name, Arity, Line]);
            ({record, Line, _, _, _}) -> fail("~p/~p, line ~p: no records", [Name, Arity, Line]);
            (_) -> ok
         end, Clauses).

line({function, _, Name, Arity, Clauses} = Function, Exports, Defined) ->
    Text = unicode:characters_to_binary(erl_pp:form(Function)),
    Exported = case lists:member({Name, Arity}, Exports) of true -> "exported"; false -> "local" end,
    Called = [[atom_to_list(N), $/, integer_to_list(A)] || {N, A} <- calls(Clauses), lists:member({N, A}, Defined)],
    io_lib:format("function ~s ~b ~s ~s ~s~n", [Name, Arity, Exported, base64:encode(Text), lists:join(",", Called)]).

calls(Clauses) ->
    Self = self(),
    Ref = make_ref(),
    walk(fun({call, _, {atom, _, N}, Args}) -> Self ! {Ref, {N, length(Args)}}; (_) -> ok end, Clauses),
    lists:usort(drain(Ref)).

drain(Ref) -> receive {Ref, Call} -> [Call | drain(Ref)] after 0 -> [] end.

walk(Look, Term) when is_tuple(Term) -> Look(Term), walk(Look, tuple_to_list(Term));
walk(Look, [Head | Tail]) -> walk(Look, Head), walk(Look, Tail);
walk(_, _) -> ok.

%% The newest instructions that the oldest release we serve knows, and nothing of this machine in the result.
compiled(Module, Exports, Forms) ->
    Whole = [{attribute, 1, module, Module}, {attribute, 1, export, Exports}
             | [F || F <- Forms, element(3, F) =/= export]],
    case compile:forms(Whole, [binary, return, deterministic, r24, no_debug_info, no_line_info]) of
        {ok, Module, Beam, []} -> Beam;
        {ok, Module, _, Warnings} -> fail("~s", [said(Warnings)]);
        {error, Errors, _} -> fail("~s", [said(Errors)])
    end.

said(Messages) ->
    [io_lib:format("~s:~p: ~s~n", [File, Where, Who:format_error(What)]) || {File, Ms} <- Messages, {Where, Who, What} <- Ms].

fail(Format, Args) ->
    io:format(standard_error, Format ++ "~n", Args),
    halt(1).
