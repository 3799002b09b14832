/** Modules with operations of the user's own that are broken: what the server marks in them, which is there until it is mended. */
import * as vscode from 'vscode';

export type BrokenModule = { readonly uri: vscode.Uri; readonly message: string; readonly range: vscode.Range };

/** As the server names what it marks. */
const markSource = 'arsenal';

export function brokenModules(): readonly BrokenModule[] {
  return vscode.languages
    .getDiagnostics()
    .flatMap(([uri, marks]) =>
      marks
        .filter(({ source, severity }) => source === markSource && severity === vscode.DiagnosticSeverity.Error)
        .map(({ message, range }) => ({ uri, message, range })),
    );
}
