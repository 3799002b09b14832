import * as vscode from 'vscode';
import { markdownText } from './text.ts';

/**
 * A tooltip: a heading and lines of `name: value`, all of it from outside. Nothing in it can be a link to a command, a picture or
 * HTML.
 */
export function tooltip(heading: string, facts: readonly (readonly [string, string | null])[]): vscode.MarkdownString {
  const markdown = new vscode.MarkdownString(`**${markdownText(heading)}**\n\n`, false);
  markdown.isTrusted = false;
  markdown.supportHtml = false;
  const lines = facts.flatMap(([name, value]) =>
    value === null ? [] : [`${markdownText(name)}: ${markdownText(value)}`],
  );
  return markdown.appendMarkdown(lines.join('  \n'));
}
