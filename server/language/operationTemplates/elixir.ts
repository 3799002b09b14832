/** A new operation in Elixir: a module of the project's own, found on the nodes that run it, and its test. */
import fs from 'node:fs';
import path from 'node:path';
import { pascalCase } from './names.ts';
import type { OperationScaffold, ScaffoldFile } from './scaffoldFile.ts';

/** The files in `folder`, in the way of its Mix project if it is one. */
export function elixirOperation(name: string, folder: string): OperationScaffold {
  const app = appOf(folder);
  const module = `${pascalCase(app ?? 'my')}.Operations.${pascalCase(name)}`;
  const below = path.join(app ?? 'my', 'operations');
  const source = path.join('lib', below, `${name}.ex`);
  const test = path.join('test', below, `${name}_test.exs`);
  const helper: ScaffoldFile = { file: path.join('test', 'test_helper.exs'), text: 'ExUnit.start()\n', always: false };
  const running = app === null ? `elixir -r ${source} -r ${test}` : `mix test ${test}`;
  return {
    files: [
      { file: source, text: moduleText(name, module), always: false },
      { file: test, text: testText(name, module, app === null), always: false },
      ...(app === null ? [] : [helper]),
    ],
    notes: [
      `Its test runs with ${running}.`,
      `Run it on your nodes: compile, start them, connect Arsenal. A node in interactive mode loads the module when it is first called, or by load_operations.`,
      `Then it is an operation like the others: arsenal run ${name} --connect NODE --allow-writes. What it does on the node is not known to Arsenal, so it counts as a change at least; --trust-operation ${name} lets it run where only looking is allowed.`,
    ],
  };
}

/** The application of a Mix project: `app: :shop`. */
function appOf(folder: string): string | null {
  try {
    return /\bapp:\s*:([a-z][a-z0-9_]*)/.exec(fs.readFileSync(path.join(folder, 'mix.exs'), 'utf8'))?.[1] ?? null;
  } catch {
    // No Mix project.
    return null;
  }
}

function moduleText(name: string, module: string): string {
  return `defmodule ${module} do
  @moduledoc """
  An Arsenal operation. Arsenal finds it by its callbacks on every node that has it loaded; it needs no dependency. (With the package
  \`arsenal\` among yours, \`use Arsenal.Operation\` writes the callbacks that are missing here.)
  """

  def name, do: :${name}
  def category, do: :custom
  def description, do: "Counts the processes of the node whose mailbox holds at least some messages."

  @doc "Types: string, integer, float, boolean, atom, pid, map, list. Rules: required, default, min, max, in, format."
  def params_schema, do: %{at_least: [type: :integer, default: 1, min: 0, max: 1_000_000]}

  @doc "severity: read, diagnose, change or destroy; timeout in milliseconds."
  def metadata, do: %{severity: :read, idempotent: true, timeout: 5_000}

  def execute(%{at_least: at_least}) do
    waiting =
      for pid <- Process.list(),
          {:message_queue_len, length} <- [Process.info(pid, :message_queue_len)],
          length >= at_least,
          do: pid

    {:ok, %{node: node(), processes: length(waiting)}}
  end
end
`;
}

function testText(name: string, module: string, isAlone: boolean): string {
  return `${isAlone ? 'ExUnit.start()\n\n' : ''}defmodule ${module}Test do
  use ExUnit.Case, async: true

  alias ${module}, as: Operation

  test "says what it is" do
    assert Operation.name() == :${name}
    assert is_binary(Operation.description())
    assert Operation.metadata().severity in [:read, :diagnose, :change, :destroy]
    assert Keyword.keyword?(Operation.params_schema().at_least)
  end

  test "counts the processes with messages" do
    pid = spawn_link(fn -> Process.sleep(:infinity) end)
    for number <- 1..3, do: send(pid, number)
    assert {:ok, %{node: node, processes: some}} = Operation.execute(%{at_least: 3})
    assert node == node()
    assert some >= 1
    assert {:ok, %{processes: 0}} = Operation.execute(%{at_least: 1_000_000})
  end
end
`;
}
