/** Makes a stylesheet part of the page. Constructed, not a `<style>` element: the page's policy allows no inline style without a nonce. */
export function adoptStyles(css: string): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}
