/** What is said of names that nobody knows: what is near them. */
import { arsenalError } from '../../runtime/errors.ts';
import type { ArsenalError } from '../../runtime/model.ts';
import { isJsonObject } from '../gateway/jsonApi.ts';
import type { CatalogueEntry, JsonSchema } from '../protocol/operation.ts';
import { visibleText } from '../protocol/visibleText.ts';
import { didYouMean } from '../protocol/suggest.ts';

/** The error of a name the catalogue has not. */
export function unknownOperation(
  name: string,
  catalogue: readonly Pick<CatalogueEntry, 'name' | 'aliases'>[],
): ArsenalError {
  const names = catalogue.flatMap((entry) => [entry.name, ...entry.aliases.map((alias) => alias.name)]);
  return arsenalError(
    'not_found',
    'operation.not_found',
    `There is no operation ${visibleText(name)}.${didYouMean(name, names)}`,
    'See `arsenal operations` for those there are.',
  );
}

/** The error of a parameter that the operation has not, or that was given twice. */
export function badParameter(
  operation: string,
  schema: JsonSchema,
  bad: { readonly name: string; readonly why: 'unknown' | 'repeated' },
): ArsenalError {
  const { properties } = schema;
  const known = Object.keys(isJsonObject(properties) ? properties : {});
  const [top = ''] = bad.name.split('.');
  return arsenalError(
    'validation',
    'params.unknown',
    bad.why === 'repeated'
      ? `The parameter ${visibleText(bad.name)} is given twice.`
      : `There is no parameter ${visibleText(bad.name)}.${known.includes(top) ? '' : didYouMean(top, known)}`,
    `See \`arsenal describe ${visibleText(operation)}\` for its parameters.`,
    { pointer: `/${bad.name.replaceAll('~', '~0').replaceAll('/', '~1')}` },
  );
}
