/** The document of every webview: one script, nothing else, under a policy that allows nothing else. */
export type WebviewPage = {
  readonly title: string;
  /** The script's address as the webview sees it. */
  readonly scriptUri: string;
  /** Fresh for each document. */
  readonly nonce: string;
};

/**
 * The page. The policy allows the one script and styles by nonce; `csp-nonce` is where the control library looks for it. No data is
 * written into the document: it comes by message.
 */
export function webviewHtml({ title, scriptUri, nonce }: WebviewPage): string {
  const policy = `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'`;
  return `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta http-equiv="Content-Security-Policy" content="${policy}" />
    <meta property="csp-nonce" content="${nonce}" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>${escaped(title)}</title>
  </head>
  <body>
    <script nonce="${nonce}" src="${escaped(scriptUri)}"></script>
  </body>
</html>
`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
