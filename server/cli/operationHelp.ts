/** The page of help of one operation: all that its catalogue entry says, as a manual page says it. */
import { fullPath } from '../gateway/catalogueRoutes.ts';
import type { CatalogueEntry } from '../protocol/operation.ts';
import { visibleText } from '../protocol/visibleText.ts';
import { commandLine } from './commandLine.ts';
import type { Screen } from './io.ts';
import { inked, pageWidth, widthOf, wrapped } from './layout.ts';
import { parameterTexts } from './schemaText.ts';
import type { ParameterText } from './schemaText.ts';

const longestText = 4_000;
/** Optional parameters that the usage line names one by one. */
const mostInUsage = 6;

/** The page, with the roles that are in force where the entry comes from. */
export function operationHelp(entry: CatalogueEntry, screen: Screen): string {
  const width = pageWidth(screen);
  const heading = (text: string): string => `\n${inked(screen, 'bold', `${text}:`)}\n`;
  const parameters = parameterTexts(entry);
  return [
    `${inked(screen, 'bold', entry.name)}: ${visibleText(entry.title)}\n\n`,
    wrapped(visibleLines(entry.description), width, 2),
    heading('Usage'),
    wrapped(usage(entry.name, parameters), width, 2),
    parameters.length === 0 ? '' : heading('Parameters'),
    ...parameters.map((each) => parameterText(each, screen, width)),
    entry.examples.length === 0 ? '' : heading('Examples'),
    ...entry.examples.map(({ title, params }) =>
      [
        inked(screen, 'dim', `  # ${visibleText(title)}`),
        `  ${visibleText(commandLine(entry, params), longestText)}`,
        '',
      ].join('\n'),
    ),
    entry.errors.length === 0 ? '' : heading('Errors'),
    ...entry.errors.map(({ code, remedy }) => `  ${visibleText(code)}\n${wrapped(visibleLines(remedy), width, 6)}`),
    heading('About'),
    ...aboutRows(entry, screen).map(([name, text]) => row(name, text, width)),
  ].join('');
}

/** Each line of what a node or a module says, harmless. */
function visibleLines(text: string): string {
  return text
    .slice(0, longestText)
    .split('\n')
    .map((line) => visibleText(line, longestText))
    .join('\n');
}

function usage(name: string, parameters: readonly ParameterText[]): string {
  const required = parameters.filter(({ isRequired }) => isRequired).map((each) => `${each.name}=…`);
  const optional = parameters.filter(({ isRequired }) => !isRequired);
  const named = optional.length <= mostInUsage ? optional.map((each) => `[${each.name}=…]`) : ['[parameter=…]…'];
  return ['arsenal run', name, ...required, ...(optional.length === 0 ? [] : named), '[options]'].join(' ');
}

function parameterText(parameter: ParameterText, screen: Screen, width: number): string {
  const { name, type, isRequired, fallback, meaning } = parameter;
  const rule = isRequired ? ', required' : fallback === null ? '' : `, default ${fallback}`;
  const first = `  ${inked(screen, 'bold', visibleText(name))}  `;
  const facts = wrapped(visibleText(`${type}${rule}`, longestText), width, widthOf(`  ${name}  `)).trimStart();
  return `${first}${facts}${meaning === '' ? '' : wrapped(visibleLines(meaning), width, 6)}`;
}

function aboutRows(entry: CatalogueEntry, screen: Screen): readonly (readonly [string, string])[] {
  const { severity, role, route, origin, aliases } = entry;
  const grave = severity === 'destroy' ? inked(screen, 'red', severity) : inked(screen, 'yellow', severity);
  const named = aliases.map(({ name, preset }) =>
    Object.keys(preset).length === 0 ? name : `${name} (${JSON.stringify(preset)})`,
  );
  return [
    ['Category', entry.category],
    ['Severity', `${severity === 'read' ? severity : grave}: ${severityText[severity]}`],
    ['Role', `${role} or above`],
    ['Repeating', entry.idempotent ? 'the same again changes nothing more (idempotent)' : 'each call acts anew'],
    ['Version', String(entry.version)],
    ...(named.length === 0 ? [] : [['Aliases', visibleText(named.join(', '), longestText)] as const]),
    ...(route === null ? [] : [['REST', `${route.method} ${visibleText(fullPath(route.path))}`] as const]),
    ...(origin.from === 'workspace' ? [['From', visibleText(origin.file, 500)] as const] : []),
    ...(origin.from === 'node' ? [['From', `the node ${visibleText(origin.node)}`] as const] : []),
  ];
}

const severityText = {
  read: 'only looks',
  diagnose: 'costs the target something, or shows private data',
  change: 'changes something; refused where a connection is read-only',
  destroy: 'ends or replaces something; refused where a connection is read-only',
} as const satisfies { readonly [S in CatalogueEntry['severity']]: string };

const nameWidth = 10;

function row(name: string, text: string, width: number): string {
  return `  ${name.padEnd(nameWidth)}${wrapped(text, width, nameWidth + 2).trimStart()}`;
}
