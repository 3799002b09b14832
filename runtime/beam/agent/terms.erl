%% Terms that are small enough to be sent: cut where they stand, so that the size of what a node holds costs the link nothing.

%% {whole, Term} where its external form takes at most Bytes, else {cut, Term} with '$elided' in place of what is too much or too
%% deep: {'$elided', binary | list | tuple | map | depth, Size}, Size being bytes of a binary, else the number of elements left
%% out. `too_large` where the heap part alone takes more than 1000 times as much, and 4 MB or more: to look at such terms again and
%% again costs those who hold them.
term_within(Term, Bytes) ->
    case erlang:external_size(Term) of
        Size when Size =< Bytes -> {whole, Term};
        Size when Size > 4194304, Size > Bytes * 1000 ->
            case erts_debug:flat_size(Term) * erlang:system_info(wordsize) > 4194304 of
                true -> too_large;
                false -> {cut, element(1, term_cut(Term, Bytes, 10))}
            end;
        _ -> {cut, element(1, term_cut(Term, Bytes, 10))}
    end.

%% {Term, Left}: the bytes that are left for what stands behind it.
term_cut(Term, Left, _) when is_binary(Term) ->
    case byte_size(Term) + 5 of
        Size when Size =< Left -> {Term, Left - Size};
        _ -> {{'$elided', binary, byte_size(Term)}, Left - 12}
    end;
term_cut(Term, Left, 0) when is_tuple(Term); is_list(Term), Term =/= []; is_map(Term) -> {{'$elided', depth, 0}, Left - 12};
term_cut([_ | _] = Term, Left, Depth) -> term_cut_list(Term, Left - 6, Depth, []);
term_cut(Term, Left, Depth) when is_tuple(Term) -> term_cut_tuple(Term, 1, Left - 5, Depth, []);
term_cut(Term, Left, Depth) when is_map(Term) -> term_cut_map(maps:next(maps:iterator(Term)), map_size(Term), Left - 5, Depth, []);
term_cut(Term, Left, _) ->
    case erlang:external_size(Term) of
        Size when Size =< Left; Size =< 300 -> {Term, Left - Size};
        _ when is_bitstring(Term) -> {{'$elided', binary, byte_size(Term)}, Left - 12};
        _ -> {{'$elided', depth, 0}, Left - 12}
    end.

term_cut_list([Head | Tail], Left, Depth, Kept) when Left > 0 ->
    {Cut, Rest} = term_cut(Head, Left, Depth - 1),
    term_cut_list(Tail, Rest, Depth, [Cut | Kept]);
term_cut_list([], Left, _, Kept) -> {lists:reverse(Kept), Left};
term_cut_list([_ | _] = Rest, Left, _, Kept) ->
    {lists:reverse([{'$elided', list, term_length(Rest, 0)} | Kept]), Left};
term_cut_list(Tail, Left, Depth, Kept) ->
    {Cut, Rest} = term_cut(Tail, Left, Depth - 1),
    {lists:reverse(Kept, Cut), Rest}.

%% Also of an improper list; nobody needs to know more of one that is longer than a million.
term_length([_ | Tail], Length) when Length < 1000000 -> term_length(Tail, Length + 1);
term_length(_, Length) -> Length.

term_cut_tuple(Term, At, Left, _, Kept) when At > tuple_size(Term) -> {list_to_tuple(lists:reverse(Kept)), Left};
term_cut_tuple(Term, At, Left, Depth, Kept) when Left > 0 ->
    {Cut, Rest} = term_cut(element(At, Term), Left, Depth - 1),
    term_cut_tuple(Term, At + 1, Rest, Depth, [Cut | Kept]);
term_cut_tuple(Term, At, Left, _, Kept) ->
    {list_to_tuple(lists:reverse([{'$elided', tuple, tuple_size(Term) - At + 1} | Kept])), Left}.

term_cut_map({Key, Value, Next}, Count, Left, Depth, Kept) when Left > 0 ->
    {CutKey, Left2} = term_cut(Key, Left, Depth - 1),
    {CutValue, Left3} = term_cut(Value, Left2, Depth - 1),
    term_cut_map(maps:next(Next), Count - 1, Left3, Depth, [{CutKey, CutValue} | Kept]);
term_cut_map(none, _, Left, _, Kept) -> {maps:from_list(Kept), Left};
term_cut_map(_, Count, Left, _, Kept) -> {maps:from_list([{'$elided', {'$elided', map, Count}} | Kept]), Left}.
