%% A node's tables, ports, allocators and schedulers. Each runs in the process of the call and leaves nothing behind.
-export([node_table_rows/3]).
-export([node_allocators/0, node_schedulers/1]).

%% What is made of what ets:info/1 says of a table; `none` for an average of nothing.
node_table_item(owner_name, Info, _) -> node_name_of(proplists:get_value(owner, Info));
node_table_item(bytes_per_object, Info, Bytes) ->
    case proplists:get_value(size, Info) of 0 -> none; Size -> round(Bytes / Size) end.

%% The registered name of a process of this node; [] where it has none, or is gone.
node_name_of(Pid) when is_pid(Pid), node(Pid) =:= node() ->
    case process_info(Pid, registered_name) of {registered_name, Name} -> Name; _ -> [] end;
node_name_of(_) -> [].

%% The first rows of a table, in no order. Only what anybody may read, and only where rows are small on average, because each is
%% copied as a whole; a row too large to show is told by its size.
node_table_rows(Table, Limit, MostBytes) ->
    Word = erlang:system_info(wordsize),
    case [ets:info(Table, Key) || Key <- [protection, size, memory]] of
        [undefined | _] -> gone;
        [private, _, _] -> private;
        [_, Size, Words] when Size > 0, Words * Word div Size > MostBytes -> {large, Words * Word div Size};
        [_, Size, _] ->
            case ets:select(Table, [{'$1', [], ['$1']}], Limit) of
                '$end_of_table' -> {rows, Size, []};
                {Rows, _} -> {rows, Size, [node_bounded(Row, MostBytes) || Row <- lists:sublist(Rows, Limit)]}
            end
    end.

node_bounded(Term, MostBytes) ->
    case erlang:external_size(Term) of
        Bytes when Bytes > MostBytes -> {large, Bytes};
        _ -> {whole, Term}
    end.

%% An item of a port, out of what erlang:port_info/1 says of it; `none` for what there is not. Addresses only of sockets of inet.
node_port_item(kind, _, _) -> port;
node_port_item(id, Port, _) -> node_text(erlang:port_to_list(Port));
node_port_item(name, _, Info) -> node_text(proplists:get_value(name, Info));
node_port_item(owner, _, Info) -> proplists:get_value(connected, Info);
node_port_item(owner_name, _, Info) -> node_name_of(proplists:get_value(connected, Info));
node_port_item(Key, Port, _) when Key =:= queue_size; Key =:= memory ->
    case erlang:port_info(Port, Key) of {_, Value} -> Value; _ -> none end;
%% The counters of the port itself do not count what the inet driver sends as terms.
node_port_item(Key, Port, Info) when Key =:= input; Key =:= output ->
    Counter = case Key of input -> recv_oct; output -> send_oct end,
    case node_is_inet(Info) andalso inet:getstat(Port, [Counter]) of
        {ok, [{_, Octets}]} -> Octets;
        _ -> proplists:get_value(Key, Info)
    end;
node_port_item(Key, Port, Info) ->
    case {node_is_inet(Info), Key} of
        {true, local} -> node_address(inet:sockname(Port));
        {true, remote} -> node_address(inet:peername(Port));
        _ -> []
    end.

node_is_inet(Info) -> lists:suffix("_inet", proplists:get_value(name, Info)).

%% As text: 127.0.0.1:80, [::1]:80, or a path.
node_address({ok, {Address, Port}}) when is_tuple(Address), is_integer(Port) ->
    Shown = inet:ntoa(Address),
    node_text(case tuple_size(Address) of
        8 -> [$[, Shown, "]:", integer_to_list(Port)];
        _ -> [Shown, $:, integer_to_list(Port)]
    end);
node_address({ok, {local, Path}}) -> node_text(Path);
node_address(_) -> [].

node_text(Chars) ->
    case unicode:characters_to_binary(Chars) of Text when is_binary(Text) -> Text; _ -> <<>> end.

%% The sockets of the module socket (OTP 22.3), where it is in use.
node_sockets() ->
    case erlang:module_loaded(socket) andalso erlang:function_exported(socket, which_sockets, 0) of
        false -> [];
        true -> apply(socket, which_sockets, [])
    end.

%% What is known of a socket, in a list; nothing for one that is closed.
node_socket_info(Socket) ->
    try apply(socket, info, [Socket]) of
        #{owner := _} = Info -> [Info];
        _ -> []
    catch _:_ -> []
    end.

node_socket_item(kind, _, _) -> socket;
node_socket_item(id, {N, _}, _) -> node_text(["socket ", integer_to_list(N)]);
node_socket_item(name, _, Info) ->
    node_text(io_lib:format("~p.~p.~p", [maps:get(Key, Info, any) || Key <- [domain, type, protocol]]));
node_socket_item(owner, _, #{owner := Owner}) -> Owner;
node_socket_item(owner_name, _, #{owner := Owner}) -> node_name_of(Owner);
node_socket_item(input, _, Info) -> node_counter(read_byte, maps:get(counters, Info, #{}));
node_socket_item(output, _, Info) -> node_counter(write_byte, maps:get(counters, Info, #{}));
node_socket_item(local, {_, Socket}, _) -> node_socket_address(Socket, sockname);
node_socket_item(remote, {_, Socket}, _) -> node_socket_address(Socket, peername);
node_socket_item(_, _, _) -> none.

node_counter(Key, Counters) when is_map(Counters) -> maps:get(Key, Counters, 0);
node_counter(Key, Counters) -> proplists:get_value(Key, Counters, 0).

node_socket_address(Socket, Which) ->
    case try apply(socket, Which, [Socket]) catch _:_ -> none end of
        {ok, #{addr := Address, port := Port}} when is_tuple(Address) -> node_address({ok, {Address, Port}});
        {ok, #{path := Path}} -> node_address({ok, {local, Path}});
        _ -> []
    end.

%% For each allocator: instances, bytes of carriers, bytes of blocks in them. Carriers are what the system gave, blocks what is in use.
node_allocators() ->
    [node_allocator(A, try erlang:system_info({allocator_sizes, A}) catch _:_ -> false end)
        || A <- erlang:system_info(alloc_util_allocators)].

node_allocator(Name, Instances) when is_list(Instances) ->
    Kinds = [Kind || {instance, _, Sections} <- Instances, {Section, Kind} <- Sections,
        lists:member(Section, [mbcs, mbcs_pool, sbcs])],
    {Name, length(Instances), lists:sum([node_carriers(K) || K <- Kinds]), lists:sum([node_blocks(K) || K <- Kinds])};
node_allocator(Name, _) -> {Name, 0, 0, 0}.

node_carriers(Kind) -> node_size(lists:keyfind(carriers_size, 1, Kind)).

%% Up to OTP 22 the blocks were one figure, since then they are told by allocator.
node_blocks(Kind) ->
    case lists:keyfind(blocks, 1, Kind) of
        {blocks, ByAllocator} when is_list(ByAllocator) ->
            lists:sum([node_size(lists:keyfind(size, 1, Facts)) || {_, Facts} <- ByAllocator]);
        _ -> node_size(lists:keyfind(blocks_size, 1, Kind))
    end.

node_size({_, Now, _, _}) -> Now;
node_size({_, Now}) -> Now;
node_size(_) -> 0.

%% How busy each scheduler was for so long. The measuring is on as long as a process wants it, and this one ends.
node_schedulers(Ms) ->
    erlang:system_flag(scheduler_wall_time, true),
    Before = lists:sort(erlang:statistics(scheduler_wall_time_all)),
    timer:sleep(Ms),
    After = lists:sort(erlang:statistics(scheduler_wall_time_all)),
    {erlang:system_info(schedulers), erlang:system_info(dirty_cpu_schedulers),
     [{Id, node_share(A1 - A0, T1 - T0)} || {{Id, A0, T0}, {Id, A1, T1}} <- lists:zip(Before, After)],
     erlang:statistics(run_queue_lengths_all)}.

node_share(_, 0) -> 0.0;
node_share(Active, Total) -> Active / Total.
