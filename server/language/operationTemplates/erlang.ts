/** A new operation in Erlang: a module of the project's own, found on the nodes that run it, and its EUnit test. */
import path from 'node:path';
import type { OperationScaffold } from './scaffoldFile.ts';

/** The files, in the way of rebar3: `src` and `test`. */
export function erlangOperation(name: string): OperationScaffold {
  // Modules are one namespace for all of a node: an operation is not to be called what one of OTP is.
  const module = `${name}_operation`;
  const source = path.join('src', `${module}.erl`);
  const test = path.join('test', `${module}_tests.erl`);
  return {
    files: [
      { file: source, text: moduleText(name, module), always: false },
      { file: test, text: testText(name, module), always: false },
    ],
    notes: [
      `Its test runs with rebar3 eunit --module ${module}, or without rebar3: erlc -o /tmp ${source} ${test} && erl -noshell -pa /tmp -eval 'halt(case eunit:test(${module}) of ok -> 0; _ -> 1 end).'`,
      `Run it on your nodes: compile, start them, connect Arsenal. A node in interactive mode loads the module when it is first called, or by load_operations.`,
      `Then it is an operation like the others: arsenal run ${name} --connect NODE --allow-writes. What it does on the node is not known to Arsenal, so it counts as a change at least; --trust-operation ${name} lets it run where only looking is allowed.`,
    ],
  };
}

function moduleText(name: string, module: string): string {
  return `%% An Arsenal operation. Arsenal finds it by its callbacks on every node that has it loaded; it needs no dependency.
-module(${module}).
-export([name/0, category/0, description/0, params_schema/0, metadata/0, execute/1]).

name() -> ${name}.
category() -> custom.
description() -> "Counts the processes of the node whose mailbox holds at least some messages.".

%% Types: string, integer, float, boolean, atom, pid, map, list. Rules: required, default, min, max, in.
params_schema() -> #{at_least => [{type, integer}, {default, 1}, {min, 0}, {max, 1000000}]}.

%% severity: read, diagnose, change or destroy; timeout in milliseconds.
metadata() -> #{severity => read, idempotent => true, timeout => 5000}.

execute(#{at_least := AtLeast}) ->
    Waiting = [Pid || Pid <- processes(),
        {message_queue_len, Length} <- [process_info(Pid, message_queue_len)], Length >= AtLeast],
    {ok, #{node => node(), processes => length(Waiting)}}.
`;
}

function testText(name: string, module: string): string {
  return `-module(${module}_tests).
-include_lib("eunit/include/eunit.hrl").

says_what_it_is_test() ->
    ?assertEqual(${name}, ${module}:name()),
    ?assert(lists:member(maps:get(severity, ${module}:metadata()), [read, diagnose, change, destroy])),
    ?assertMatch(#{at_least := [_ | _]}, ${module}:params_schema()).

counts_the_processes_with_messages_test() ->
    Pid = spawn_link(fun() -> receive never -> ok end end),
    [Pid ! Number || Number <- lists:seq(1, 3)],
    {ok, #{node := Node, processes := Some}} = ${module}:execute(#{at_least => 3}),
    ?assertEqual(node(), Node),
    ?assert(Some >= 1),
    ?assertMatch({ok, #{processes := 0}}, ${module}:execute(#{at_least => 1000000})).
`;
}
