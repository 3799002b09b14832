/** An operation's name in the ways that languages write it. */

const snakeCase = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;
const longestName = 64;

/** Whether it is one: lower-case words joined by underscores, at most 64 characters. */
export function isOperationName(name: string): boolean {
  return snakeCase.test(name) && name.length <= longestName;
}

/** `count_idle_carts` → `countIdleCarts` */
export function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** `count_idle_carts` → `CountIdleCarts` */
export function pascalCase(name: string): string {
  const camel = camelCase(name);
  return `${camel.charAt(0).toUpperCase()}${camel.slice(1)}`;
}

/** `restartSlowCarts` → `restart_slow_carts`; a name that cannot be one of an operation is refused later, with words. */
export function snakeCaseOf(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/[-. ]+/g, '_')
    .toLowerCase();
}

/** `count_idle_carts` → `Count idle carts` */
export function titleOf(name: string): string {
  const words = name.replaceAll('_', ' ');
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}
