/**
 * The scripts that make a shell complete `arsenal`. They know nothing themselves: each hands over what is written and shows what
 * `arsenal __complete` answers, one candidate a line, so that they never lag behind the program.
 *
 * The answer's first line says what to do with the others: `words`, `open` (no blank behind the one that is taken), `files`, `folders`.
 */

export const shells = ['bash', 'zsh', 'fish', 'powershell'] as const;
export type Shell = (typeof shells)[number];

/** The script, and how it is put to use. */
export const completionScripts: { readonly [S in Shell]: string } = {
  bash: `# bash completion of arsenal. For this shell:  eval "$(arsenal completion bash)"
# For every shell:  arsenal completion bash > ~/.local/share/bash-completion/completions/arsenal
# where bash-completion is installed; elsewhere, as on macOS, put the first line into ~/.bashrc or ~/.bash_profile.
_arsenal() {
  local IFS=$'\\n' shell=bash how line
  local -a answer
  # The bash of macOS (3.2) has no compopt: there no blank is ever added, and what wants one comes with it.
  type compopt >/dev/null 2>&1 || shell=bash3
  while read -r line; do answer+=("$line"); done < <("\${COMP_WORDS[0]}" __complete $shell "$COMP_WORDBREAKS" "\${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
  how="\${answer[0]}"
  COMPREPLY=()
  case "$how" in
    files | folders)
      while read -r line; do
        if [[ $shell == bash3 && "\${COMP_WORDS[COMP_CWORD]}" != [\\"\\']* ]]; then
          if [[ -d "$line" ]]; then how=/; else how=' '; fi
          printf -v line '%q%s' "$line" "$how"
        fi
        COMPREPLY+=("$line")
      done < <(if [[ "$how" == files ]]; then compgen -f -- "$2"; else compgen -d -- "$2"; fi)
      [[ $shell == bash3 ]] || compopt -o filenames
      ;;
    *)
      [[ "$how" == open && $shell == bash ]] && compopt -o nospace
      COMPREPLY=("\${answer[@]:1}")
      ;;
  esac
}
if type compopt >/dev/null 2>&1; then complete -F _arsenal arsenal; else complete -o nospace -F _arsenal arsenal; fi
`,
  zsh: `#compdef arsenal
# zsh completion of arsenal. For this shell:  source <(arsenal completion zsh)
# For every shell:  arsenal completion zsh > "\${fpath[1]}/_arsenal"
_arsenal() {
  local how line
  local -a answer values texts
  answer=("\${(@f)$("\${words[1]}" __complete zsh -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  how="\${answer[1]}"
  case "$how" in
    files) _files; return ;;
    folders) _files -/; return ;;
  esac
  for line in "\${(@)answer[2,-1]}"; do
    values+=("\${line%%$'\\t'*}")
    texts+=("\${line/$'\\t'/  }")
  done
  (( $#values )) || return 1
  if [[ "$how" == open ]]; then
    compadd -S '' -l -d texts -- "\${values[@]}"
  else
    compadd -l -d texts -- "\${values[@]}"
  fi
}
if [ "$funcstack[1]" = _arsenal ]; then
  _arsenal "$@"
else
  compdef _arsenal arsenal
fi
`,
  fish: `# fish completion of arsenal. For this shell:  arsenal completion fish | source
# For every shell:  arsenal completion fish > ~/.config/fish/completions/arsenal.fish
function __arsenal_complete
  set -l words (commandline -opc)
  set -l answer (command $words[1] __complete fish -- $words[2..-1] (commandline -ct | string unescape) 2>/dev/null)
  switch "$answer[1]"
    case files
      __fish_complete_path (commandline -ct)
    case folders
      __fish_complete_directories (commandline -ct)
    case '*'
      printf '%s\\n' $answer[2..-1]
  end
end
complete -c arsenal -f -a '(__arsenal_complete)'
`,
  powershell: `# PowerShell completion of arsenal. For this session:  arsenal completion powershell | Out-String | Invoke-Expression
# For every session, put that line into $PROFILE.
Register-ArgumentCompleter -Native -CommandName arsenal -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
    Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
    ForEach-Object { if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value } else { $_.Extent.Text } })
  $words += $wordToComplete
  $answer = @(& $commandAst.CommandElements[0].Extent.Text __complete powershell -- @words 2>$null)
  if ($answer.Count -eq 0 -or $answer[0] -eq 'files' -or $answer[0] -eq 'folders') { return }
  $answer | Select-Object -Skip 1 | ForEach-Object {
    $value, $about = $_ -split "\`t", 2
    if (-not $about) { $about = $value }
    # PowerShell takes the typographic single quotes for single quotes, too.
    $written = if ($value -match '^[\\w.:~+/=-]+$') { $value } else { "'" + ($value -replace "['\\u2018-\\u201B]", '$0$0') + "'" }
    [System.Management.Automation.CompletionResult]::new($written, $value, 'ParameterValue', $about)
  }
}
`,
};
