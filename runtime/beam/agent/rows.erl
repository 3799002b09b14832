%% Processes in bulk. A row is {Pid, [{Item, Value}, ...]} with the items of process_info/2 in the order asked for, or {Pid, undefined}
%% for one that has ended. What is done for each row is done by BIFs and by lists, so that it costs little interpreted, too.
-export([rows_of/3, rows_scan/5]).

%% The rows of some processes, and when they were read.
rows_of(Pids, Items, Less) ->
    {erlang:monotonic_time(microsecond), rows_read(Pids, Items, Less)}.

%% Sends pages of rows to To, one for each credit: {page, WhenUs, Rows}, after {scan, Self, WhenUs}; To sends {credit, N}. Answers how
%% many pages there were, how many processes match and how many were looked at. Ends with the connection to To.
%%
%% Ask: {Items, Less, IsCostly}: what is read of the processes that are found, and whether it is refused of more than Most.
%% Find: {Items, Where, Which}: what decides which those are. Items of both are in the rows, these first. Which: all | {first, N}, as
%% they come | {N, Item, ascending | descending}, the best.
rows_scan(To, {Items, Less, IsCostly}, Find, PageRows, Most) ->
    Count = erlang:system_info(process_count),
    case Count > Most of
        true when IsCostly -> {too_many, Count};
        IsMany ->
            Link = erlang:monitor(process, To),
            ok = rows_send(To, {scan, self(), erlang:monotonic_time(microsecond)}),
            Client = #{to => To, link => Link, credit => 0, pages => 0, rows => PageRows},
            Kept = case IsMany of true -> Less -- [real_calls]; false -> Less end,
            {Sent, Matched, Looked} = case Find of
                {_, _, all} -> rows_all(rows_pids(), Items, Kept, Find, Client);
                {_, _, {first, N}} -> rows_first(rows_pids(), Items, {Less, Kept}, Find, N, Client);
                {_, _, Top} -> rows_top(rows_pids(), Items, Less, Kept, Find, Top, Client)
            end,
            {done, Sent, Matched, Looked}
    end.

%% All but the one that looks, which would be the busiest, and is gone when its row is read.
rows_pids() -> lists:delete(self(), erlang:processes()).

%% ---------------------------------------------------------------------------------------------------------------- reading

rows_read(Pids, Items, Less) ->
    Infos = lists:zipwith(fun erlang:process_info/2, Pids, lists:duplicate(length(Pids), Items)),
    rows_less(lists:zip(Pids, Infos), Less).

%% Puts what is asked for in the place of what it is made of, here, where nothing of it has to be sent.
rows_less(Rows, []) -> Rows;
rows_less(Rows, Less) ->
    [case Infos of
        undefined -> Row;
        _ -> {P, [rows_item(Info, P, Less) || Info <- Infos]}
    end || {P, Infos} = Row <- Rows].

rows_item({initial_call, {proc_lib, init_p, _}} = Info, P, Less) ->
    case lists:member(real_calls, Less) of
        true -> {initial_call, proc_lib:translate_initial_call(P)};
        false -> Info
    end;
rows_item({dictionary, Entries} = Info, _, Less) ->
    case lists:member(ancestors, Less) of
        true -> {dictionary, [E || {'$ancestors', _} = E <- Entries]};
        false -> Info
    end;
%% A binary that is referred to several times is there once.
rows_item({binary, Binaries}, _, _) when is_list(Binaries) ->
    {binary, lists:sum([Bytes || {_, Bytes, _} <- lists:ukeysort(1, Binaries)])};
rows_item(Info, _, _) -> Info.

%% More items of rows that are there; those that have ended since are left out.
rows_more(Rows, [], _) -> Rows;
rows_more(Rows, Items, Less) ->
    More = rows_read([P || {P, _} <- Rows], Items, Less),
    [{P, Infos ++ Others} || {{P, Infos}, {_, Others}} <- lists:zip(Rows, More), Others =/= undefined].

rows_split(N, Pids) ->
    case length(Pids) > N of
        true -> lists:split(N, Pids);
        false -> {Pids, []}
    end.

%% ---------------------------------------------------------------------------------------------------------- all that match

rows_all(Pids, Items, Less, {_, true, _}, Client) ->
    rows_unfiltered(rows_chunks(Pids, maps:get(rows, Client)), Items, Less, Client, 0);
rows_all(Pids, Items, Less, Find, Client) ->
    rows_filtered(rows_chunks(Pids, 1000), {Items, Less, Find}, {[], undefined}, Client, 0, length(Pids)).

%% Cut up once, and counted once: counting what is left for each page would cost more than the page.
rows_chunks(Pids, N) -> rows_chunks(Pids, N, length(Pids)).

rows_chunks([], _, _) -> [];
rows_chunks(Pids, N, Count) when Count =< N -> [Pids];
rows_chunks(Pids, N, Count) ->
    {Chunk, Others} = lists:split(N, Pids),
    [Chunk | rows_chunks(Others, N, Count - N)].

rows_unfiltered([], _, _, #{pages := Pages}, Count) -> {Pages, Count, Count};
rows_unfiltered([Chunk | Others], Items, Less, Client, Count) ->
    At = erlang:monotonic_time(microsecond),
    Next = rows_give(Client, At, rows_read(Chunk, Items, Less)),
    rows_unfiltered(Others, Items, Less, Next, Count + length(Chunk)).

rows_filtered([], _, {[], _}, #{pages := Pages}, Matched, Looked) -> {Pages, Matched, Looked};
rows_filtered([], _, {Waiting, At}, Client, Matched, Looked) ->
    #{pages := Pages} = rows_give(Client, At, Waiting),
    {Pages, Matched, Looked};
rows_filtered([Chunk | Others], {Items, Less, Find} = Ask, {Before, Since}, Client, Matched, Looked) ->
    At = erlang:monotonic_time(microsecond),
    {Deciding, Where, _} = Find,
    Found = rows_more(rows_matching(rows_read(Chunk, Deciding, Less), Deciding, Where), Items, Less),
    From = case Before of [] -> At; _ -> Since end,
    {Next, Rest} = rows_full_pages(Client, From, Before ++ Found),
    rows_filtered(Others, Ask, {Rest, At}, Next, Matched + length(Found), Looked).

rows_full_pages(#{rows := N} = Client, At, Waiting) ->
    case rows_split(N, Waiting) of
        {Page, [_ | _] = Rest} -> rows_full_pages(rows_give(Client, At, Page), At, Rest);
        {_, []} -> {Client, Waiting}
    end.

%% ------------------------------------------------------------------------------------------------------ the first of them

%% The others are counted only.
rows_first(Pids, Items, {Less, _}, {_, true, _}, N, Client) ->
    {First, Others} = rows_split(N, Pids),
    {Sent, Count, _} = rows_unfiltered(rows_chunks(First, maps:get(rows, Client)), Items, Less, Client, 0),
    All = Count + length(Others),
    {Sent, All, All};
rows_first(Pids, Items, {Less, Kept}, {Deciding, Where, _}, N, Client) ->
    {First, Matched} = lists:foldl(
        fun(Chunk, {Held, Count}) ->
            Found = rows_matching(rows_read(Chunk, Deciding, Kept), Deciding, Where),
            {Held ++ lists:sublist(Found, N - length(Held)), Count + length(Found)}
        end, {[], 0}, rows_chunks(Pids, 1000)),
    {rows_chosen(First, Items, Less, Client), Matched, length(Pids)}.

%% Sends rows that were chosen by some of their items, with the others; answers how many pages that makes.
rows_chosen(Chosen, Items, Less, Client) ->
    #{pages := Sent} = lists:foldl(
        fun(Rows, Next) ->
            At = erlang:monotonic_time(microsecond),
            % What they were chosen by stays as it was then, so that the order sent is the order they were chosen in.
            rows_give(Next, At, rows_more(rows_less(Rows, Less), Items, Less))
        end, Client, rows_chunks(Chosen, maps:get(rows, Client))),
    Sent.

%% --------------------------------------------------------------------------------------------------------- the best of them

%% Never more than the best so far and those of one chunk that beat the last of them are held.
rows_top(Pids, Items, Less, Kept, {Deciding, Where, _}, {N, By, Direction}, Client) ->
    {Best, Matched} = lists:foldl(
        fun(Chunk, {Held, Count}) ->
            Rows = rows_read(Chunk, Deciding, Kept),
            {New, Passed} = rows_better(Rows, Deciding, Where, {N, By, Direction}, Held),
            {lists:sublist(lists:keysort(1, Held ++ New), N), Count + Passed}
        end, {[], 0}, rows_chunks(Pids, 1000)),
    {rows_chosen([Row || {_, Row} <- Best], Items, Less, Client), Matched, length(Pids)}.

%% {Key, Row} of those that beat the last of the best, smallest key first to be sorted; and how many match at all.
rows_better(Rows, Deciding, Where, {N, By, Direction}, Held) ->
    {Pattern, Variables} = rows_pattern(Deciding),
    {_, Value} = lists:keyfind(By, 1, Variables),
    Key = case Direction of descending -> {'-', Value}; ascending -> Value end,
    Matching = case Where of
        true -> Rows;
        _ -> rows_matching(Rows, Deciding, Where)
    end,
    Beats = case length(Held) >= N of
        true -> [{'<', Key, element(1, lists:last(Held))}];
        false -> []
    end,
    {rows_select(Matching, [{Pattern, Beats, [{{Key, '$_'}}]}]), length(Matching)}.

%% ------------------------------------------------------------------------------------------------------------- predicates

%% Where: true | false | {all, [Where]} | {any, [Where]} | {'not', Where} | {number, Op, Item, Number} | {same, Item, Term}
%%      | {text, Op, Item, Text | null} | {below, [Pid | Text]}, Op of numbers and texts eq, lt, le, gt, ge, of texts also contains, prefix
%%      and like (with the list of the texts between its asterisks). Below: one of these is among the ancestors in the dictionary.
%% It is made into a match specification, which stdlib runs over rows without evaluating anything for each of them.
rows_matching(Rows, Items, Where) ->
    {Pattern, Variables} = rows_pattern(Items),
    Guard = rows_guard(Where, {Rows, Pattern, Variables}),
    rows_select(Rows, [{Pattern, [Guard], ['$_']}]).

rows_pattern(Items) ->
    Variables = lists:zip(Items, lists:sublist(
        ['$1', '$2', '$3', '$4', '$5', '$6', '$7', '$8', '$9', '$10', '$11', '$12', '$13', '$14', '$15', '$16'], length(Items))),
    {{'_', Variables}, Variables}.

rows_select(Rows, Specification) ->
    ets:match_spec_run(Rows, ets:match_spec_compile(Specification)).

rows_guard({all, Wheres}, In) -> list_to_tuple(['andalso', true | [rows_guard(W, In) || W <- Wheres]]);
rows_guard({any, Wheres}, In) -> list_to_tuple(['orelse', false | [rows_guard(W, In) || W <- Wheres]]);
rows_guard({'not', Where}, In) -> {'not', rows_guard(Where, In)};
rows_guard({number, Op, Item, Number}, {_, _, Variables}) ->
    {_, Value} = lists:keyfind(Item, 1, Variables),
    Compare = case Op of eq -> '=='; lt -> '<'; le -> '=<'; gt -> '>'; ge -> '>=' end,
    {'andalso', {is_number, Value}, {Compare, Value, Number}};
rows_guard({same, Item, Term}, {_, _, Variables}) ->
    {_, Value} = lists:keyfind(Item, 1, Variables),
    {'=:=', Value, {const, Term}};
%% Names, functions and lines of ancestors are few: they are looked at once for each that there is.
rows_guard({text, Op, Item, Text}, In) -> rows_one_of(Item, fun(V) -> rows_text_is(Op, rows_text(V), Text) end, In);
rows_guard({below, Above}, In) -> rows_one_of(dictionary, fun(V) -> rows_is_below(V, Above) end, In);
rows_guard(Constant, _) -> Constant.

rows_one_of(Item, Passes, {Rows, Pattern, Variables}) ->
    {_, Value} = lists:keyfind(Item, 1, Variables),
    Values = lists:usort(rows_select(Rows, [{Pattern, [], [Value]}])),
    list_to_tuple(['orelse', false | [{'=:=', Value, {const, V}} || V <- Values, Passes(V)]]).

rows_is_below(Dictionary, Above) ->
    case lists:keyfind('$ancestors', 1, Dictionary) of
        {_, Ancestors} -> rows_is_among(Ancestors, Above);
        false -> false
    end.

rows_is_among([One | Others], Above) ->
    Shown = case is_atom(One) of true -> atom_to_binary(One, utf8); false -> One end,
    lists:member(Shown, Above) orelse rows_is_among(Others, Above);
rows_is_among(_, _) -> false.

%% As it is shown (processFields.ts); null for what is shown as nothing.
rows_text(Name) when is_atom(Name) -> atom_to_binary(Name, utf8);
rows_text(Text) when is_binary(Text) -> Text;
rows_text({M, F, A}) when is_atom(M), is_atom(F) ->
    Arity = case A of _ when is_list(A) -> length(A); _ -> A end,
    iolist_to_binary([atom_to_binary(M, utf8), $:, atom_to_binary(F, utf8), $/, integer_to_binary(Arity)]);
rows_text(_) -> null.

rows_text_is(eq, Shown, Text) -> Shown =:= Text;
rows_text_is(_, null, _) -> false;
rows_text_is(_, _, null) -> false;
rows_text_is(contains, _, <<>>) -> true;
rows_text_is(contains, Shown, Text) -> binary:match(Shown, Text) =/= nomatch;
rows_text_is(prefix, Shown, Text) -> binary:longest_common_prefix([Shown, Text]) =:= byte_size(Text);
rows_text_is(like, Shown, [Text]) -> Shown =:= Text;
rows_text_is(like, Shown, [First | Others]) ->
    rows_text_is(prefix, Shown, First) andalso rows_like(rows_behind(byte_size(First), Shown), Others);
rows_text_is(lt, Shown, Text) -> rows_units(Shown) < rows_units(Text);
rows_text_is(le, Shown, Text) -> rows_units(Shown) =< rows_units(Text);
rows_text_is(gt, Shown, Text) -> rows_units(Shown) > rows_units(Text);
rows_text_is(ge, Shown, Text) -> rows_units(Shown) >= rows_units(Text).

%% Each text as early as it stands; the last one at the end.
rows_like(Shown, [Last]) ->
    byte_size(Shown) >= byte_size(Last) andalso rows_behind(byte_size(Shown) - byte_size(Last), Shown) =:= Last;
rows_like(Shown, [<<>> | Others]) -> rows_like(Shown, Others);
rows_like(Shown, [Text | Others]) ->
    case binary:match(Shown, Text) of
        {At, Size} -> rows_like(rows_behind(At + Size, Shown), Others);
        nomatch -> false
    end.

rows_behind(At, Text) -> binary:part(Text, At, byte_size(Text) - At).

%% In the order of UTF-16 code units, in which JavaScript compares.
rows_units(Text) -> unicode:characters_to_binary(Text, utf8, {utf16, big}).

%% ---------------------------------------------------------------------------------------------------------------- sending

%% Waits for credit, sends a page, lets others run.
rows_give(#{link := Link, credit := 0} = Client, At, Rows) ->
    receive
        {credit, More} -> rows_give(Client#{credit := More}, At, Rows);
        {'DOWN', Link, _, _, _} -> exit(noconnection)
    end;
rows_give(#{to := To, credit := Credit, pages := Pages} = Client, At, Rows) ->
    ok = rows_send(To, {page, At, Rows}),
    erlang:yield(),
    Granted = receive {credit, More} -> More after 0 -> 0 end,
    Client#{credit := Credit - 1 + Granted, pages := Pages + 1}.

%% A link that is busy is waited for, without being suspended by it.
rows_send(To, Message) ->
    case erlang:send(To, Message, [nosuspend, noconnect]) of
        ok -> ok;
        nosuspend -> receive after 2 -> rows_send(To, Message) end;
        noconnect -> exit(noconnection)
    end.
