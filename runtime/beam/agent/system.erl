%% A node's tables, ports, allocators and schedulers. Each runs in the process of the call and leaves nothing behind.
-export([node_tables/0, node_table_facts/1, node_table_rows/3]).
-export([node_ports/0, node_port_facts/1, node_sockets/0]).
-export([node_allocators/0, node_schedulers/1]).

node_tables() -> ets:all().

%% What is known of each table; nothing for one that is gone.
node_table_facts(Tables) ->
    Word = erlang:system_info(wordsize),
    lists:append([node_table_fact(T, ets:info(T), Word) || T <- Tables]).

node_table_fact(_, undefined, _) -> [];
node_table_fact(Table, Info, Word) ->
    Item = fun(Key) -> proplists:get_value(Key, Info) end,
    [{Table, Item(name), Item(type), Item(protection), Item(owner), Item(size), Item(memory) * Word, node_name_of(Item(owner)),
      Item(named_table), Item(keypos), Item(compressed), Item(read_concurrency), Item(write_concurrency)}].

%% The registered name of a process of this node; undefined where it has none, or is gone.
node_name_of(Pid) when is_pid(Pid), node(Pid) =:= node() ->
    case process_info(Pid, registered_name) of {registered_name, Name} -> Name; _ -> undefined end;
node_name_of(_) -> undefined.

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

node_ports() -> erlang:ports().

%% What is known of each port; nothing for one that is closed. Addresses only of sockets of inet.
node_port_facts(Ports) ->
    lists:append([node_port_fact(P, erlang:port_info(P)) || P <- Ports]).

node_port_fact(_, undefined) -> [];
node_port_fact(Port, Info) ->
    Item = fun(Key) -> proplists:get_value(Key, Info) end,
    More = fun(Key) -> case erlang:port_info(Port, Key) of {_, Value} -> Value; _ -> undefined end end,
    Name = Item(name),
    {Input, Output, Local, Peer} = case lists:suffix("_inet", Name) of
        true -> node_inet_fact(Port, inet:getstat(Port, [recv_oct, send_oct]), Item);
        false -> {Item(input), Item(output), undefined, undefined}
    end,
    [{Port, Name, Item(connected), Input, Output, More(queue_size), More(memory), Local, Peer,
      node_name_of(Item(connected))}].

%% The counters of the port itself do not count what the inet driver sends as terms.
node_inet_fact(Port, Counted, Item) ->
    {Input, Output} = case Counted of
        {ok, [{recv_oct, In}, {send_oct, Out}]} -> {In, Out};
        _ -> {Item(input), Item(output)}
    end,
    {Input, Output, node_address(inet:sockname(Port)), node_address(inet:peername(Port))}.

node_address({ok, {Address, Port}}) when is_tuple(Address) -> {inet:ntoa(Address), Port};
node_address({ok, {local, Path}}) -> {Path, 0};
node_address(_) -> undefined.

%% The sockets of the module socket (OTP 22.3), where it is in use.
node_sockets() ->
    case erlang:module_loaded(socket) andalso erlang:function_exported(socket, which_sockets, 0) of
        false -> [];
        true -> lists:append([node_socket(S) || S <- apply(socket, which_sockets, [])])
    end.

node_socket(Socket) ->
    try apply(socket, info, [Socket]) of
        #{owner := Owner} = Info ->
            Counters = maps:get(counters, Info, #{}),
            Address = fun(What) -> node_socket_address(apply(socket, What, [Socket])) end,
            [{lists:flatten(io_lib:format("~p.~p.~p", [maps:get(K, Info, any) || K <- [domain, type, protocol]])), Owner,
              node_counter(read_byte, Counters), node_counter(write_byte, Counters),
              Address(sockname), Address(peername), node_name_of(Owner)}];
        _ -> []
    catch _:_ -> []
    end.

node_counter(Key, Counters) when is_map(Counters) -> maps:get(Key, Counters, 0);
node_counter(Key, Counters) -> proplists:get_value(Key, Counters, 0).

node_socket_address({ok, #{addr := Address, port := Port}}) when is_tuple(Address) -> {inet:ntoa(Address), Port};
node_socket_address(_) -> undefined.

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
