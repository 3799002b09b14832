%% Lists of what a node has beside processes: tables, ports, sockets, names of its own, children of a supervisor. They are filtered, put in
%% order and cut here, so that no row travels that is not wanted. A row is {Thing, [{Item, Value}, ...]} here; it is sent as {Thing,
%% [Value, ...]} with the values in the order asked for, unless its kind has a form of its own (list_sent/3).
%%
%% Find is {Items, Where, Which}, as in rows.erl: what decides, and by what. Which: all | {first, N} | {N, Item, Form, Direction}, the best,
%% where Form is number, text or boolean. Little is read of what is not sent: the items that decide. What is done for each item is done
%% by BIFs and by lists where it can be, as in rows.erl.
-export([list_things/1, list_read/4, list_chosen/3]).

%% What there is, to be read by parts; an atom that says why there is none.
list_things(tables) -> ets:all();
list_things(ports) -> erlang:ports();
list_things(sockets) -> list_numbered(1, node_sockets());
list_things({names, What}) -> names_own(What);
list_things({children, Supervisor, Reverse, Timeout}) ->
    {_, Held} = sup_listing(Supervisor, Reverse, Timeout),
    list_numbered(0, tuple_to_list(Held)).

list_numbered(From, Things) -> lists:zip(lists:seq(From, From + length(Things) - 1), Things).

%% Those of some things that match. What is gone meanwhile is no row.
list_read(What, Things, Items, Find) ->
    {Rows, _} = list_best(Things, What, Find),
    list_sent(What, list_more(What, Rows, Items, Find), Items).

%% {Matched, Rows}: those that are wanted of all, in order, and how many match; or why there are none.
list_chosen(What, Items, Find) ->
    case list_things(What) of
        Why when is_atom(Why) -> Why;
        Things ->
            {Chosen, Matched} = list_best(Things, What, Find),
            Rows = list_more(What, Chosen, Items, Find),
            {Matched - length(Chosen) + length(Rows), list_sent(What, Rows, Items)}
    end.

list_best(Things, _, {_, true, all}) -> {[{T, []} || T <- Things], length(Things)};
list_best(Things, _, {_, true, {first, N}}) -> {[{T, []} || T <- lists:sublist(Things, N)], length(Things)};
list_best(Things, What, {Deciding, Where, Which}) ->
    {Held, Matched} = lists:foldl(
        fun(Chunk, {Before, Count}) ->
            Found = [Row || {_, Values} = Row <- list_rows(What, Chunk, Deciding), list_passes(Where, Values)],
            {list_held(Before, Found, Which), Count + length(Found)}
        end, {[], 0}, rows_chunks(Things, 1000)),
    {[Row || {_, Row} <- Held], Matched}.

%% Never more than the best so far and those of one chunk are held.
list_held(Held, Found, all) -> Held ++ [{none, Row} || Row <- Found];
list_held(Held, Found, {first, N}) -> Held ++ [{none, Row} || Row <- lists:sublist(Found, N - length(Held))];
list_held(Held, Found, {N, Item, Form, Direction}) ->
    New = [{list_key(Form, Direction, element(2, lists:keyfind(Item, 1, Values))), Row} || {_, Values} = Row <- Found],
    lists:sublist(lists:keysort(1, Held ++ New), N).

%% By which a row stands where it does. What has no value stands last.
list_key(number, ascending, Value) when is_number(Value) -> {0, Value};
list_key(number, descending, Value) when is_number(Value) -> {0, -Value};
list_key(boolean, Direction, true) -> list_key(number, Direction, 1);
list_key(boolean, Direction, false) -> list_key(number, Direction, 0);
list_key(text, Direction, Value) ->
    case {rows_text(Value), Direction} of
        {null, _} -> {1, none};
        {Text, ascending} -> {0, rows_units(Text)};
        %% A longer text stands before what it begins with.
        {Text, descending} -> {0, [-Unit - 1 || <<Unit:16>> <= rows_units(Text)] ++ [0]}
    end;
list_key(_, _, _) -> {1, none}.

%% ------------------------------------------------------------------------------------------------------------- predicates

%% Where as in rows.erl, but for what is below. Texts here are many and differ, so each row is looked at by itself.
list_passes(Constant, _) when is_atom(Constant) -> Constant;
list_passes({all, Wheres}, Values) -> lists:all(fun(Where) -> list_passes(Where, Values) end, Wheres);
list_passes({any, Wheres}, Values) -> lists:any(fun(Where) -> list_passes(Where, Values) end, Wheres);
list_passes({'not', Where}, Values) -> not list_passes(Where, Values);
list_passes({same, Item, Term}, Values) -> element(2, lists:keyfind(Item, 1, Values)) =:= Term;
list_passes({text, Op, Item, Text}, Values) -> rows_text_is(Op, rows_text(element(2, lists:keyfind(Item, 1, Values))), Text);
list_passes({number, Op, Item, Number}, Values) ->
    {_, Value} = lists:keyfind(Item, 1, Values),
    is_number(Value) andalso case Op of
        eq -> Value == Number;
        lt -> Value < Number;
        le -> Value =< Number;
        gt -> Value > Number;
        ge -> Value >= Number
    end.

%% ---------------------------------------------------------------------------------------------------------------- reading

list_rows(tables, Tables, Items) ->
    Word = erlang:system_info(wordsize),
    Made = [I || I <- Items, lists:member(I, [bytes_per_object, owner_name])],
    {Count, Ones} = {length(Items), lists:duplicate(length(Items), 1)},
    [{T, lists:zipwith3(fun lists:keyfind/3, Items, Ones, lists:duplicate(Count, Known))}
        || T <- Tables, Info <- [ets:info(T)], Info =/= undefined, Bytes <- [proplists:get_value(memory, Info) * Word],
           Known <- [[{bytes, Bytes} | [{I, node_table_item(I, Info, Bytes)} || I <- Made] ++ Info]]];
list_rows(ports, Ports, Items) ->
    [{P, [{I, node_port_item(I, P, Info)} || I <- Items]} || P <- Ports, Info <- [erlang:port_info(P)], Info =/= undefined];
list_rows(sockets, Sockets, Items) ->
    [{{N, S}, [{I, node_socket_item(I, {N, S}, Info)} || I <- Items]} || {N, S} <- Sockets, Info <- node_socket_info(S)];
list_rows({names, _}, Names, Items) -> [{Name, [{I, names_item(I, Name)} || I <- Items]} || Name <- Names];
list_rows({children, _, _, _}, Children, Items) -> [{C, [{I, sup_item(I, C)} || I <- Items]} || C <- Children].

%% What is sent of the rows beside what decided. That stays as it was, so that the order sent is the order they were chosen in.
list_more(What, Rows, Items, {Deciding, _, _}) ->
    Things = [T || {T, _} <- Rows],
    case Items -- Deciding of
        [] -> Rows;
        Items -> list_rows(What, Things, Items);
        Others ->
            More = maps:from_list(list_rows(What, Things, Others)),
            [{T, Values ++ maps:get(T, More)} || {T, Values} <- Rows, is_map_key(T, More)]
    end.

list_sent({names, What}, Rows, _) -> [names_own_shown(What, Name) || {Name, _} <- Rows];
list_sent({children, _, _, _}, Rows, _) -> [{At, sup_child(Child)} || {{At, Child}, _} <- Rows];
list_sent(sockets, Rows, Items) -> list_sent(ports, [{N, Values} || {{N, _}, Values} <- Rows], Items);
list_sent(_, Rows, Items) ->
    {Count, Ones} = {length(Items), lists:duplicate(length(Items), 1)},
    [{T, element(2, lists:unzip(lists:zipwith3(fun lists:keyfind/3, Items, Ones, lists:duplicate(Count, Values))))}
        || {T, Values} <- Rows].
