/** The controls of the webviews. The only file that knows which library they come from. */
import { provideVSCodeDesignSystem, vsCodeButton, vsCodeProgressRing } from '@vscode/webview-ui-toolkit';
import { h } from 'preact';
import type { ComponentChildren, JSX } from 'preact';
import { adoptStyles } from './stylesheet.ts';

// The library gives every button the primary one's border, which themes colour for a primary button.
adoptStyles(`vscode-button[appearance='secondary'] {
  --button-border: var(--vscode-button-secondaryBorder, var(--vscode-contrastBorder, transparent));
}`);

// At once, not on first use: the toolkit learns of the theme from the page's `load` event, and misses it when it comes later.
provideVSCodeDesignSystem().register(vsCodeButton(), vsCodeProgressRing());

export type ButtonProps = {
  readonly kind?: 'primary' | 'secondary';
  readonly disabled?: boolean;
  /** Shown by the pointer; say here why a button is disabled. */
  readonly hint?: string;
  readonly pressed?: boolean;
  readonly onPress: () => void;
  readonly children: ComponentChildren;
};

/** A push button; with `pressed` a toggle. */
export function Button({
  kind = 'secondary',
  disabled = false,
  hint,
  pressed,
  onPress,
  children,
}: ButtonProps): JSX.Element {
  return h(
    'vscode-button',
    {
      appearance: kind,
      disabled,
      ...(hint !== undefined && { title: hint }),
      ...(pressed !== undefined && { 'aria-pressed': String(pressed) }),
      onClick: () => {
        if (!disabled) onPress();
      },
    },
    children,
  );
}

/** A spinning ring for what takes an unknown time. */
export function ProgressRing(): JSX.Element {
  return h('vscode-progress-ring', { 'aria-hidden': 'true' });
}
