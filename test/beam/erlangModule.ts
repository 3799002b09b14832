/** Modules of Erlang for live nodes, from their text. */

/** An expression that compiles and loads a module where it is evaluated; its value is the module's name. */
export function loading(source: string): string {
  const text = Buffer.from(source.replaceAll('?MODULE', /-module\((\w+)\)/.exec(source)?.[1] ?? '')).toString('base64');
  return `begin
      Forms = fun Read(Text, Done) -> case erl_scan:tokens([], Text, 1) of
        {done, {ok, Tokens, _}, Rest} -> {ok, Form} = erl_parse:parse_form(Tokens), Read(Rest, [Form | Done]);
        _ -> lists:reverse(Done) end end,
      {ok, Module, Beam} = compile:forms(Forms(unicode:characters_to_list(base64:decode("${text}")) ++ "\\n", [])),
      {module, _} = code:load_binary(Module, "", Beam), Module
    end`;
}
