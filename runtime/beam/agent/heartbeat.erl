%% Whether the nodes that this one is connected to answer, whatever net_ticktime is. Their net_kernel is asked what net_adm:ping asks,
%% without making a connection and without waiting for a busy one, so that asking heals no partition and stops nobody.
-export([beat_once/1]).

%% Asks all at once: {Node, RttUs} for those that answered, {Node, silent} for those that did not within the time.
beat_once(WithinMs) ->
    Tag = make_ref(),
    Start = erlang:monotonic_time(microsecond),
    Asked = [Node || Node <- nodes(visible), beat_ask(Node, {Tag, Node}) =/= noconnect],
    beat_gather(Tag, Start, Asked, Start + WithinMs * 1000).

beat_gather(_, _, [], _) -> [];
beat_gather(Tag, Start, Asked, Until) ->
    Now = erlang:monotonic_time(microsecond),
    receive
        {{Tag, Node}, _} ->
            [{Node, erlang:monotonic_time(microsecond) - Start} | beat_gather(Tag, Start, lists:delete(Node, Asked), Until)]
    after max(0, (Until - Now) div 1000) -> [{Node, silent} || Node <- Asked]
    end.

beat_ask(Node, Tag) ->
    erlang:send({net_kernel, Node}, {'$gen_call', {self(), Tag}, {is_auth, node()}}, [noconnect, nosuspend]).

%% A task, one for all clients: asks each second, and says at once what became otherwise, all of it every few seconds. A node that was
%% connected and is no more is told of for ten minutes. One second is not stretched when the node is busy: then it matters most, and it
%% costs a message for each peer.
beat_task(Task) -> beat_round(Task, #{}, none, 0).

%% Peers: #{Node => {AskedAt, AnsweredAt, RttUs, GoneAt}}, in microseconds; those that answered nothing yet have AnsweredAt 0.
beat_round(Task, Before, Told, Rounds) ->
    Now = erlang:monotonic_time(microsecond),
    Visible = nodes(visible),
    Peers = maps:from_list(
        [{Node, beat_peer(Node, maps:get(Node, Before, new), Now)} || Node <- Visible] ++
        [{Node, {Asked, Answered, Rtt, beat_since(Gone, Now)}}
            || {Node, {Asked, Answered, Rtt, Gone}} <- maps:to_list(Before),
               not lists:member(Node, Visible), Now - beat_since(Gone, Now) < 600000000]),
    beat_listen(Task, Peers, Told, Rounds, Now + 1000000).

beat_since(connected, Now) -> Now;
beat_since(Gone, _) -> Gone.

beat_peer(Node, new, Now) ->
    beat_ask(Node, {beat, Node, Now}),
    {Now, Now, unknown, connected};
beat_peer(Node, {_, Answered, Rtt, Gone}, Now) ->
    beat_ask(Node, {beat, Node, Now}),
    % One that comes back has a moment to answer.
    {Now, case Gone of connected -> Answered; _ -> Now end, Rtt, connected}.

beat_listen(Task, Peers, Told, Rounds, Until) ->
    case beat_tell(Task, Peers, Told, Rounds) of
        stop -> ok;
        Said ->
            Left = (Until - erlang:monotonic_time(microsecond)) div 1000,
            case task_next(Task, max(0, Left)) of
                stop -> ok;
                timeout -> beat_round(Task, Peers, Said, Rounds + 1);
                {other, {{beat, Node, Asked}, _}} ->
                    Now = erlang:monotonic_time(microsecond),
                    Next = case Peers of
                        #{Node := {At, _, _, Gone}} -> Peers#{Node := {At, Now, Now - Asked, Gone}};
                        _ -> Peers
                    end,
                    beat_listen(Task, Next, Said, Rounds, Until);
                {joined, _} -> beat_listen(Task, Peers, none, Rounds, Until);
                {missed, _, _} -> beat_listen(Task, Peers, none, Rounds, Until);
                _ -> beat_listen(Task, Peers, Said, Rounds, Until)
            end
    end.

%% Told is what was said last: {Round, States}.
beat_tell(Task, Peers, Told, Rounds) ->
    Now = erlang:monotonic_time(microsecond),
    Rows = [{Node, beat_state(Peer, Now), element(3, Peer)} || {Node, Peer} <- maps:to_list(Peers)],
    States = [{Node, State, Rtt =:= unknown} || {Node, State, Rtt} <- Rows],
    case Told of
        {Round, States} when Rounds - Round < 5 -> Told;
        _ -> case task_frame(Task, {beat, Rows}) of ok -> {Rounds, States}; stop -> stop end
    end.

beat_state({_, _, _, Gone}, _) when is_integer(Gone) -> disconnected;
beat_state({_, Answered, _, _}, Now) when Now - Answered > 3000000 -> silent;
beat_state({_, _, _, _}, _) -> connected.
